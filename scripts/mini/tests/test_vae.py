"""The passes over a whole clip against diffusers' chunked ones."""

import unittest

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify, unpatchify

from mini.train.latent import Z
from mini.train.vae import PATCH, decode, encode, make_vae


class WholeClip(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        self.vae = make_vae()
        for p in self.vae.parameters():  # no zero left that could hide an error
            torch.nn.init.normal_(p, std=0.05)

    @torch.no_grad()
    def test_decode(self):
        z = torch.randn(1, Z, 4, 2, 3)
        ours = unpatchify(decode(self.vae, z), PATCH).clamp(-1, 1)
        theirs = self.vae.decode(z).sample
        self.assertEqual(ours.shape, theirs.shape)
        self.assertLess((ours - theirs).abs().max(), 1e-4)

    @torch.no_grad()
    def test_encode(self):
        x = torch.randn(1, 3, 13, 64, 96)
        ours = encode(self.vae, patchify(x, PATCH))
        theirs = self.vae.encode(x).latent_dist.mean
        self.assertEqual(ours.shape, theirs.shape)
        self.assertLess((ours - theirs).abs().max(), 1e-4)


if __name__ == "__main__":
    unittest.main()
