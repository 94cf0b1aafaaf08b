"""The default picture model: `codec train DATA --config photo`.

The shipped weights: 3,316 pictures (about 460 megapixels: photographs from public repositories,
3 % graphics and screenshots; models/weights/photo/README.md lists them), averaged weights, 464
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
6. 70 minutes, 20,401 steps of four, as 3. (`--minutes 70`) at 0.35 of the rates, a tenth of Adam's
   and three tenths of Muon's for the last layers; symbols chosen by rate and distortion (`rdoq`),
   and entropy networks that learn from the symbols instead of noise.

16.2 kMAC/pixel to encode, 17.4 to decode. `codec evaluate KODAK --published kodak` on the 24 Kodak
pictures, real files, BD-rate in PSNR-RGB between 0.1 and 1.5 bpp:

| after | JPEG 4:2:0 | WebP | AVIF 4:4:4 | BPG 4:4:4 | VTM | Balle 2018 | Balle 2017 |
|---|---|---|---|---|---|---|---|
| 1. | | | | +41.6 | +76.6 | +28.2 | +5.3 |
| 2. | -44.6 | -10.3 | +11.1 | +32.4 | +65.0 | +20.1 | -1.4 |
| 3. | -48.3 | -16.4 | +3.7 | +23.8 | +54.6 | +12.4 | -8.0 |
| 4. | -49.3 | -18.1 | +1.6 | +21.2 | +51.5 | +10.2 | -9.8 |
| 5. | -49.8 | -19.1 | +0.4 | +19.8 | +49.7 | +8.9 | -10.9 |
| 6. | -52.5 | -23.6 | -5.1 | +13.4 | +41.7 | +3.2 | -15.8 |

JPEG, WebP and AVIF are Pillow 13.0's, the others published curves. Against BPG by rate: 0.1-0.25
bpp +10.1 %, 0.25-0.5 +11.6, 0.5-1 +14.6 (after 5.: +18.7, +18.4, +20.1).

| minutes of 3. | loss, mean of the five before | minutes of 4. | |
|---|---|---|---|
| 5, 10, 20 | 1.343, 1.340, 1.324 | 5, 10, 20, 30 | 1.299, 1.313, 1.308, 1.307 |
| 30, 40, 50 | 1.282, 1.253, 1.193 | 40, 50, 60, 70 | 1.306, 1.255, 1.212, 1.197 |
| 55, 60, 64 | 1.185, 1.205, 1.192 | 80, 90, 97 | 1.177, 1.179, 1.173 |

Minutes of 5.: 5: 1.214, 10: 1.214, 20: 1.226, 30: 1.214, 35: 1.218; with pictures scaled down,
which takes more bits: 45: 1.207, 50: 1.192, 55: 1.199, 60: 1.201, 65: 1.185, 68: 1.188.

In these losses rates were those of uniform noise, in which every latent that is nearly always 0
costs about 0.09 bits (computed) that no file has; from 6. on rates are those of symbols, and losses
are lower for that alone. Minutes of 6., means of five: 5: 0.918, 10: 0.914, 20: 0.906, 30: 0.909,
40: 0.899, 50: 0.891, 55: 0.891, 60: 0.878, 65: 0.886, 70: 0.879.

Symbols: what `rdoq` gives. From 5., on eight Kodak pictures, mean logarithm of the losses at lambda
0.0007 / 0.00304 / 0.0104 / 0.0355 / 0.1 (5. itself, rounding: -0.1644):

| rdoq | at once | after 250 steps of all behind the symbols |
|---|---|---|
| 0.1 | -0.1653 | |
| 0.3 | -0.1701 | -0.1729 |
| 0.6 | | -0.1716 |

Seven minutes into 6., five Kodak pictures, loss at quality 31 / 55 / 80 with rdoq 0 (rounding),
0.35, 0.5, 0.75: 0.3326, 0.3243, 0.3243, 0.3262 / 0.9144, 0.8877, 0.8863, 0.8901 / 1.9940, 1.9602,
1.9565, 1.9585. Weighing the errors of one slice by 0.6 or 1.5 then changed the logarithm of the
loss by -0.04 to +0.26 %, nearly always for the worse.

The weights of 6. with rounded symbols: +19.3 % against BPG, where they have +13.4 with `rdoq`.

What holds 5. where it is? All else held fixed, 400 steps of four crops (mean logarithm as above):

| | |
|---|---|
| (5. itself) | -0.1644 |
| a second network beside analysis, three blocks, small whitened inputs | -0.1643 |
| a second network beside synthesis, four blocks, likewise | -0.1644 |
| all of it, at 0.15 of the rates, 350 steps | -0.1628 |
| all of it, at half of the rates, 350 steps | -0.1576 |

So neither side can do better alone: only both together can, and slowly. Random steps of 0.005
(Muon's or Adam's way) in one weight raise the training loss (1.607) most in the last layers: h_s by
0.037 (bias) and 0.023 (kernel), the pixels' by 0.019 and 0.009; in most kernels of the residual
blocks by less than 0.0001. Rates that equal this out are no better for all that (350 steps:
-0.1522). In the analysis of 5. features have grown from 0.4 (patches) over 8, 171 to 4,554 (blocks;
root mean squares on kodim05), which its GDN divides away; a linear map of these features, with a
constant, gives 99.9 % of the power of what the network adds to the latents. From scratch the GDN of
the analysis costs more than it gives:

| 1,200 steps of two crops, no rdoq | mean logarithm |
|---|---|
| as shipped: GDN and a block of 192 channels at 1/16 scale on both sides | 0.0575 |
| synthesis in units of the quality's step | 0.0554 |
| no block, GDN of 320 channels on both sides | 0.0539 |
| the same in analysis, in synthesis all at 1/8 scale without GDN | 0.0521 |
| the same in synthesis, in analysis all at 1/8 scale without GDN | 0.0470 |
| all at 1/8 scale, without GDN | 0.0454 |
| lambda from 0.0006-0.1, as second | 0.0608 |

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
