"""The default picture model: `codec train DATA --config photo`.

The shipped weights: 3,316 pictures (about 460 megapixels: photographs from public repositories,
3 % graphics and screenshots; models/weights/photo/README.md lists them), averaged weights, 394
minutes in all on two CPU cores that were shared with other work:

1. 80 minutes, 20,621 steps of two 256x256 crops, without context networks, latents Gaussian, Adam
   for every kernel of more than 2x2.
2. 85 minutes, 8,558 steps of four (`--start` with the first, at half of TRAINING's rates). The
   context networks came in after 15 minutes, correcting nothing at first; after 49 minutes latents
   became logistic, and h_s's last layer was rewritten to give the same scales as before.
3. 64 minutes, 8,606 steps of four (`codec train DATA --start photo --bfloat16 --minutes 64`, at
   three quarters of the rates): the first slice in quarters, kernels of every size by Muon, a tenth
   of the draws instead of a quarter for the lowest quarter of qualities.
4. 97 minutes, 12,482 steps of four, as 3. (`--minutes 97`).
5. 68 minutes, 9,697 steps of four, as 3. (`--minutes 68`) at half of the rates, the linear path's a
   tenth of that; after 39 minutes pictures were scaled by 0.6 to 1, as far as their size allows.

16.2 kMAC/pixel to encode, 17.4 to decode. `codec evaluate KODAK --published kodak` on the 24 Kodak
pictures, real files, BD-rate in PSNR-RGB between 0.1 and 1.5 bpp:

| after | JPEG 4:2:0 | WebP | AVIF 4:4:4 | BPG 4:4:4 | VTM | Balle 2018 | Balle 2017 |
|---|---|---|---|---|---|---|---|
| 1. | | | | +41.6 | +76.6 | +28.2 | +5.3 |
| 2. | -44.6 | -10.3 | +11.1 | +32.4 | +65.0 | +20.1 | -1.4 |
| 3. | -48.3 | -16.4 | +3.7 | +23.8 | +54.6 | +12.4 | -8.0 |
| 4. | -49.3 | -18.1 | +1.6 | +21.2 | +51.5 | +10.2 | -9.8 |
| 5. | -49.8 | -19.1 | +0.4 | +19.8 | +49.7 | +8.9 | -10.9 |

JPEG, WebP and AVIF are Pillow 13.0's, the others published curves. Against BPG by rate: 0.1-0.25
bpp +18.7 %, 0.25-0.5 +18.4, 0.5-1 +20.1 (after 4.: +20.2, +19.8, +21.4).

| minutes of 3. | loss, mean of the five before | minutes of 4. | |
|---|---|---|---|
| 5, 10, 20 | 1.343, 1.340, 1.324 | 5, 10, 20, 30 | 1.299, 1.313, 1.308, 1.307 |
| 30, 40, 50 | 1.282, 1.253, 1.193 | 40, 50, 60, 70 | 1.306, 1.255, 1.212, 1.197 |
| 55, 60, 64 | 1.185, 1.205, 1.192 | 80, 90, 97 | 1.177, 1.179, 1.173 |

Minutes of 5.: 5: 1.214, 10: 1.214, 20: 1.226, 30: 1.214, 35: 1.218; with pictures scaled down,
which takes more bits: 45: 1.207, 50: 1.192, 55: 1.199, 60: 1.201, 65: 1.185, 68: 1.188.

The loss sees uniform noise, in which every latent that is nearly always 0 costs about 0.09 bits
(computed) that no file has.

What was compared before, at equal steps (bpp + lambda MSE, estimated, on Kodak at lambda
0.00304 / 0.0104 / 0.0355; one run each, so differences under half a percent say little):

| 3,000 steps of two crops, from the DCT | losses |
|---|---|
| lambda from 0.0018-0.06 | 0.597 / 1.073 / 1.838 |
| the same, all transforms at 1/8 scale, no GDN, 24 kMAC/pixel to decode | 0.584 / 1.052 / 1.818 |
| lambda from 0.00012-0.18, as shipped | 0.612 / 1.123 / 1.932 |

The rates hold the loss up while they are high. Mean training loss of the second hundred of steps
from 4., of a schedule of 600 at three quarters of the rates (at 0.08 of them it is 1.154):

| | |
|---|---|
| as 3. and 4. were trained | 1.262 |
| momentum of Muon 0.99 instead of 0.95 | 1.348 |
| the linear path's rate a tenth | 1.224 |
| Adam's rate a tenth, of everything | 1.217 |
| Muon's rate three tenths | 1.207 |

Is it the data, or a part of the model? From 4.: 500 steps at a quarter of the rates took the mean
logarithm of Kodak's losses (lambda 0.0012 to 0.08) from -0.1499 to -0.1464 on the training pictures
as they are, and to -0.1559 on Kodak itself, memorising included. With all else fixed, 500 steps of
synthesis on rounded latents gave 27.559 / 29.718 / 32.853 / 35.947 dB at lambda 0.0012 / 0.00304 /
0.0104 / 0.0355, and two more residual blocks, started at zero, the same to 0.001 dB (before:
27.563 / 29.727 / 32.865 / 35.964); 300 steps of h_s and the context networks on rounded symbols
changed the bits by +0.2 / +0.2 / -0.1 / 0.0 %, on noisy ones by +0.3 / +0.3 / +0.2 / +0.2 %. So no
single part is far from what the others let it be. Nor does it help to decode symbols as the means
of their bins, by scale and size, instead of integers: -0.26 / -0.36 / -0.35 / -0.19 dB at qualities
25 / 45 / 65 / 85 on eight Kodak pictures, and half of the way -0.05 / -0.08 / -0.07 / -0.02.

| 500 steps of four crops, from 2., at half of the rates, lambda from 0.0006-0.1 | losses |
|---|---|
| (2. itself) | 0.512 / 0.963 / 1.671 |
| as it is | 0.514 / 0.963 / 1.676 |
| at the whole rates | 0.518 / 0.970 / 1.695 |
| y refined after its gain by a network that knows the quality | 0.514 / 0.963 / 1.677 |
| rounded values instead of noisy ones in the rate | 0.533 / 0.998 / 1.727 |
| one lambda, 0.0104 | 0.521 / 0.958 / 1.694 |
| one lambda, 0.0104, transforms alone | 0.516 / 0.961 / 1.687 |

| 700 steps of two crops, from 1., at half of the rates | losses |
|---|---|
| (1. itself) | 0.531 / 0.998 / 1.729 |
| as it is | 0.536 / 1.010 / 1.762 |
| synthesis modulated by quality, scales and biases at four places | 0.536 / 1.010 / 1.761 |
| one lambda, 0.0104 | 0.543 / 0.994 / 1.774 |
| each sample's loss divided by itself | 0.535 / 1.009 / 1.760 |

With transforms held fixed, five slices with 1x1 contexts took 2.3 % off the bits of 1. at lambda
0.0104 in 1,000 steps of eight crops, where h_s alone took 0.7 % in 1,500.

Everything of 2. held fixed, 600 steps of eight crops: percent of the bits of the first 16 channels
that a 3x3 network takes off, at lambda 0.0012 / 0.00304 / 0.0104 / 0.0355:

| what it sees of these channels | |
|---|---|
| nothing | 0.0 / 0.1 / 0.3 / 0.3 |
| half the cells see the other half, by Adam | 11.2 / 9.1 / 7.1 / 5.2 |
| the same, by Muon | 13.6 / 11.4 / 8.6 / 6.3 |
| the same, 5x5: by Adam; by Muon | 0.6 / 0.7 / 0.9 / 0.9; 13.7 / 11.6 / 8.7 / 6.5 |
| in quarters: by Adam; by Muon | 10.9 / 9.1 / 7.4 / 5.7; 17.3 / 14.1 / 10.6 / 7.7 |

Distributions of one
shape for all scales, fitted to the symbols of 1. in training crops: logistic -1.6 % of the bits,
two Gaussians -1.6 %, Laplacian -1.3 %; a free table for each scale -2.0 %.
"""

TRAINING = dict(minutes=80, batch=4, patch=256, adam=1.6e-3, muon=2e-3, ema=0.999)
