"""The default picture model: `codec train DATA --config photo`.

The shipped weights: 3,316 pictures (about 460 megapixels: photographs from public repositories,
3 % graphics and screenshots), 80 minutes on two CPU cores that were shared with other work, 20,621
steps of two 256x256 crops, averaged weights. 12.6 kMAC/pixel to encode, 13.8 to decode.

`python -m eval.rate_distortion KODAK` on the 24 Kodak pictures, real files: BD-rate in PSNR-RGB
-40.5 % against JPEG 4:2:0 and -5.8 % against WebP (Pillow 13.0, 0.15 to 1.0 bpp);
0.041 bpp at quality 1, 1.818 bpp at quality 100.

| minutes | loss, mean of the minute before |
|---|---|
| 20 | 2.01 |
| 40 | 1.67 |
| 60 | 1.51 |
| 80 | 1.44 |
"""

TRAINING = dict(minutes=80, batch=4, patch=256, adam=1.6e-3, muon=2e-3, ema=0.999)
