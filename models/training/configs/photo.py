"""The default picture model: `codec train DATA --config photo --bfloat16`.

The shipped weights: 3,316 pictures (about 460 megapixels: photographs from public repositories,
3 % graphics and screenshots, scaled by 0.6 to 1 where that leaves 256 pixels;
models/weights/photo/README.md lists them), averaged weights, 192.5 minutes on two CPU cores:

1. From the DCT, 90 minutes, 38,860 steps of two 256x256 crops (`--minutes 90`).
2. On with the averages of 1. and its optimizer's state, 15.5 minutes, 4,918 steps of four crops at
   a fifth of the rates.
3. On with the averages of 2. and its optimizer's state, 87 minutes, 26,383 steps of four crops at
   0.35 of the rates, one cosine; the last 24 minutes with `feedback`.

35.2 kMAC/pixel to encode, 17.65 to decode. `codec evaluate KODAK --published kodak` on the 24 Kodak
pictures, real files, BD-rate in PSNR-RGB between 0.1 and 1.5 bpp:

| | JPEG 4:2:0 | WebP | AVIF 4:4:4 | BPG 4:4:4 | VTM | Balle 2018 | Balle 2017 |
|---|---|---|---|---|---|---|---|
| former transforms, 464 minutes | -52.5 | -23.6 | -5.1 | +13.4 | +41.7 | +3.2 | -15.8 |
| 1. | | | | +13.7 | +41.6 | +3.8 | -15.4 |
| 2. | -52.4 | -23.8 | -5.5 | +12.9 | +40.6 | +3.0 | -16.1 |
| 3. | -55.3 | -28.6 | -11.5 | +5.7 | +31.4 | -3.3 | -21.4 |

JPEG, WebP and AVIF are Pillow 13.0's, the others published curves. Against BPG by rate: 0.1-0.25
bpp +3.3 %, 0.25-0.5 +4.8, 0.5-1 +6.9, 1-1.5 +8.2 (2.: +10.9, +12.2, +13.9 up to 1 bpp).

Loss (mean of about five minutes) of 1.: 10 minutes: 1.145, 20: 1.075, 30: 1.032, 40: 1.007, 50:
0.942, 60: 0.933, 70: 0.908, 80: 0.885, 90: 0.877; of 2.: 3 minutes: 0.877, 6: 0.897, 9: 0.875, 11:
0.871, 14: 0.866, 15.5: 0.874; of 3., ten minutes each: 0.897, 0.901, 0.888, 0.884, 0.875, 0.860,
0.845, 0.834, 0.835 (the last five: 0.837).

Feedback
--------
The encoder decodes its first coding, projects the error of the picture on the linear path, takes
off what each latent's own rounding has put there, and moves the latents by a share of one Jacobi
step. Mean over kodim05, 08, 13 and 21 (whole pictures, real files, weights of 2., which had not
been trained with it), change of the loss and, as bits saved at equal loss, in percent of the bits:

| share | quality 10 | 20 | 40 | 70 | 95 |
|---|---|---|---|---|---|
| 0.3 | -0.5 / -1.5 | -0.4 / -1.3 | -0.8 / -1.9 | -0.7 / -1.2 | -1.1 / -1.8 |
| 0.5 | -0.8 / -2.5 | -0.7 / -2.1 | -1.1 / -2.8 | -1.1 / -1.7 | -1.7 / -2.7 |
| 0.7 | -1.0 / -3.1 | -0.9 / -2.7 | -1.3 / -3.2 | -1.2 / -2.0 | -2.1 / -3.3 |
| 0.9 | -0.8 / -2.4 | -0.9 / -2.5 | -1.3 / -3.0 | -1.1 / -1.9 | -2.3 / -3.6 |

On crops of two or three pictures, a fifth through 3.: the whole gradient instead of the linear
path's is better in small steps (at a share of 0.25, quality 20: -0.8 instead of -0.4 % of the
loss) and diverges in larger ones (0.5: +0.7 instead of -0.7); with each latent's own rounding left
in, the linear path's best share is 0.06; twice, at 0.8 and halfway, instead of once at 0.5: -0.8,
-1.2, -1.0, -1.8 instead of -0.7, -1.1, -0.9, -1.4 % at quality 20, 40, 70, 95.

Why other transforms
--------------------
The former ones had GDN and a residual block of 192 channels at 1/16 scale on both sides, and 320
latents. In 464 minutes (six runs, the first from the DCT, each other from the last one's weights
at lower rates) they came to +41.6 % against BPG, +32.4 (context networks, logistic latents), +23.8
(the first slice in quarters), +21.2, +19.8 and +13.4 (`rdoq`). What spoke against going on with
them:

- Features of their analysis had grown from 0.4 (patches) over 8 and 171 to 4,554 (blocks; root
  mean squares on kodim05), which its GDN divided away: a linear map of these features, with a
  constant, gave 99.9 % of the power of what the network added to the latents.
- Neither side could get better alone. All else held fixed, a second network beside analysis or
  beside synthesis changed the mean logarithm of the loss by 0.0001 in 400 steps, and two more
  residual blocks in synthesis the PSNR by less than 0.01 dB in 500.
- 320 latents were too few for the highest qualities: at quality 100 half to three quarters of the
  error was there without quantisation.

From the DCT, 1,200 steps of two crops, mean logarithm of the losses on eight Kodak pictures at
lambda 0.0007 / 0.00304 / 0.0104 / 0.0355 / 0.1 (one run each):

| rounded symbols, 320 latents, all rates as Adam's and Muon's | |
|---|---|
| the former transforms | 0.0575 |
| synthesis in units of the quality's step | 0.0554 |
| no block at 1/16, GDN of 320 channels on both sides | 0.0539 |
| the same in analysis, in synthesis all at 1/8 scale without GDN | 0.0521 |
| the same in synthesis, in analysis all at 1/8 scale without GDN | 0.0470 |
| all at 1/8 scale, without GDN | 0.0454 |
| the former, lambda from 0.0006-0.1 | 0.0608 |

| `rdoq`, 384 latents | |
|---|---|
| all at 1/8 scale, without GDN, last layers at slower rates (the optimizer's OUTPUTS) | 0.0096 |
| the same, `rdoq` growing from 0 in the first 30 % | 0.0083 |
| the same, IGDN of 320 channels at 1/16 scale in synthesis | 0.0093 |
| as the second, last layers at whole rates | 0.0223 |

So GDN costs in the analysis and is neutral in the synthesis, where it stays.

What was found with the former transforms
-----------------------------------------
Losses are bpp + lambda MSE, estimated, on Kodak pictures.

Symbols (`rdoq`): plain rounding with the last of the former weights gave +19.3 % against BPG where
choosing gave +13.4. Seven minutes into training with it, loss at quality 31 / 55 / 80 with rdoq 0,
0.35, 0.5, 0.75: 0.3326, 0.3243, 0.3243, 0.3262 / 0.9144, 0.8877, 0.8863, 0.8901 / 1.9940, 1.9602,
1.9565, 1.9585. Weighing the errors of one slice by 0.6 or 1.5 changed the logarithm of the loss by
-0.04 to +0.26 %, nearly always for the worse.

What could still be had by choosing better, with the same decoder: 300 steps of stochastic Gumbel
annealing (Yang et al., NeurIPS 2020) on y and z changed the loss of kodim05 by -4.3 % at quality
40 and -3.6 % at 70 (50 steps: -1.5 and -1.8 %). One step against the gradient of the squared
error, y - a g / (2 energy), and coding again, latents with less than half of the median energy
left alone, on 256x256 of kodim05 / kodim21: -1.7 / -0.8 % at quality 40 (a = 0.05), -1.7 / -1.0 %
at 70 (a = 0.2). With the weights of 2., steps weighed by the mean energy at least, a = 0.05:
-1.2 / -0.7 % at quality 40, -0.4 / -0.3 % at 70; a quarter through 1. it was -0.2 / -0.1 and +0.1
/ +0.1 %.

Rates. Mean training loss of the second hundred of 600 steps from trained weights (1.154 at 0.08 of
the rates), at three quarters of the rates: 1.262; momentum of Muon 0.99: 1.348; the linear path's
rate a tenth: 1.224; Adam's a tenth, of everything: 1.217; Muon's three tenths: 1.207. Random steps
of 0.005 in one weight raise the training loss (1.607) most in the last layers: h_s by 0.037 (bias)
and 0.023 (kernel), the pixels' by 0.019 and 0.009; in most kernels of the residual blocks by less
than 0.0001. Rates that equal this out are no better for all that.

One file for all rates: at equal steps lambda from 0.0018-0.06 instead of 0.00012-0.18 gave 0.597 /
1.073 / 1.838 where 0.612 / 1.123 / 1.932 stood (3,000 steps of two crops from the DCT, lambda
0.00304 / 0.0104 / 0.0355); one lambda, 0.0104, from trained weights 0.958 instead of 0.963 there
(500 steps of four).

Context. With transforms held fixed, five slices with 1x1 contexts took 2.3 % off the bits at
lambda 0.0104 in 1,000 steps of eight crops, where h_s alone took 0.7 % in 1,500. Percent of the
bits of the first 16 channels that a 3x3 network takes off in 600, at lambda 0.0012 / 0.00304 /
0.0104 / 0.0355:

| what it sees of these channels | |
|---|---|
| nothing | 0.0 / 0.1 / 0.3 / 0.3 |
| half the cells see the other half, by Adam | 11.2 / 9.1 / 7.1 / 5.2 |
| the same, by Muon | 13.6 / 11.4 / 8.6 / 6.3 |
| the same, 5x5: by Adam; by Muon | 0.6 / 0.7 / 0.9 / 0.9; 13.7 / 11.6 / 8.7 / 6.5 |
| in quarters: by Adam; by Muon | 10.9 / 9.1 / 7.4 / 5.7; 17.3 / 14.1 / 10.6 / 7.7 |

Distributions of one shape for all scales, fitted to symbols of training crops: logistic -1.6 % of
the bits against Gaussian, two Gaussians -1.6 %, Laplacian -1.3 %; a free table for each scale -2.0
%.

No gain, or a loss, in 250 to 700 steps from trained weights: y refined after its gain by a network
that knows the quality; synthesis modulated by quality; rounded values instead of noisy ones in the
latents' own rate; each sample's loss divided by itself; symbols decoded as the means of their bins.
Is it the data? 500 steps at a quarter of the rates took the mean logarithm from -0.1499 to -0.1464
on the training pictures as they are, and to -0.1559 on Kodak itself, memorising included.
"""

TRAINING = dict(minutes=90, batch=2, patch=256, adam=1.6e-3, muon=2e-3, ema=0.999)
