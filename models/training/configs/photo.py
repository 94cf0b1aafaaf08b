"""The default picture model: `codec train DATA --config photo`.

The shipped weights: 3,316 pictures (about 460 megapixels: photographs from public repositories,
3 % graphics and screenshots; models/weights/photo/README.md lists them), averaged weights, 165
minutes in all on two CPU cores that were shared with other work:

1. 80 minutes, 20,621 steps of two 256x256 crops, without context networks, latents Gaussian.
2. 85 minutes, 8,558 steps of four (`--start` with the first, TRAINING below at half its rates). The
   context networks came in after 15 minutes, correcting nothing at first; after 49 minutes latents
   became logistic, and h_s's last layer was rewritten to give the same scales as before.

15.7 kMAC/pixel to encode, 16.9 to decode. `python -m eval.rate_distortion KODAK --bpp 0.1 1.5
--published CURVES` on the 24 Kodak pictures, real files, BD-rate in PSNR-RGB: -44.6 % against JPEG
4:2:0, -10.3 % against WebP, +11.1 % against AVIF 4:4:4 (Pillow 13.0); against published curves
+32.4 % (BPG 4:4:4), +65.0 % (VTM), +20.1 % (Balle et al. 2018), -1.4 % (Balle et al. 2017).

| minutes of 2. | loss, mean of the five minutes before |
|---|---|
| 10 | 1.57 |
| 30 | 1.57 |
| 48.5 | 1.52 |
| 60, logistic | 1.35 |
| 70 | 1.30 |
| 85 | 1.30 |

The loss sees uniform noise. With noise, every latent that is nearly always 0 costs about 0.15 bits
under a Gaussian of the least scale, 0.09 under the logistic (computed), and nothing in a file: the
fall at minute 49 is in part that, and how large a part was not measured.

What was compared before, at equal steps (bpp + lambda MSE, estimated, on Kodak at lambda
0.00304 / 0.0104 / 0.0355; one run each, so differences under half a percent say little):

| 3,000 steps of two crops, from the DCT | losses |
|---|---|
| lambda from 0.0018-0.06 | 0.597 / 1.073 / 1.838 |
| the same, all transforms at 1/8 scale, no GDN, 24 kMAC/pixel to decode | 0.584 / 1.052 / 1.818 |
| lambda from 0.00012-0.18, as shipped | 0.612 / 1.123 / 1.932 |

| 700 steps of two crops, from 1., at half the rates | losses |
|---|---|
| (1. itself) | 0.531 / 0.998 / 1.729 |
| as it is | 0.536 / 1.010 / 1.762 |
| synthesis modulated by quality, scales and biases at four places | 0.536 / 1.010 / 1.761 |
| one lambda, 0.0104 | 0.543 / 0.994 / 1.774 |
| each sample's loss divided by itself | 0.535 / 1.009 / 1.760 |

With transforms held fixed, five slices with 1x1 contexts took 2.3 % off the bits of 1. at lambda
0.0104 in 1,000 steps of eight crops, where h_s alone took 0.7 % in 1,500. Distributions of one
shape for all scales, fitted to the symbols of 1. in training crops: logistic -1.6 % of the bits,
two Gaussians -1.6 %, Laplacian -1.3 %; a free table for each scale -2.0 %.
"""

TRAINING = dict(minutes=80, batch=4, patch=256, adam=1.6e-3, muon=2e-3, ema=0.999)
