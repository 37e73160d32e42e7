"""The transformer as it trains against the one that the pipeline runs."""

import unittest
from types import SimpleNamespace

import torch

from mini.train.dit import TEXT_ROWS, Denoiser, make_dit
from mini.train.latent import Z
from mini.train.text import WIDTH


class Velocity(unittest.TestCase):
    @torch.no_grad()
    def test_one_padding_row_stands_for_all(self):
        torch.manual_seed(0)
        plain, ours = make_dit().eval(), make_dit().eval()
        ours.load_state_dict(plain.state_dict())
        lengths = (5, 9)
        rows = torch.zeros(2, TEXT_ROWS, WIDTH)
        for row, length in zip(rows, lengths):
            row[:length] = torch.randn(length, WIDTH)
        x, sigma = torch.randn(2, Z, 3, 8, 8), torch.tensor([0.2, 0.9])
        expected = plain(x, 1000 * sigma, rows, return_dict=False)[0]

        ids = torch.arange(max(lengths)).expand(2, -1)
        mask = (ids < torch.tensor(lengths)[:, None]).long()
        encoder = lambda ids, attention_mask: SimpleNamespace(last_hidden_state=rows[:, : ids.shape[1]])
        denoiser = Denoiser(ours, lambda length: [1] * length, encoder, "cpu")
        found = denoiser.velocity(x, sigma, *denoiser.rows(lengths))
        self.assertLess((found - expected).abs().max(), 2e-5 * expected.abs().max())


if __name__ == "__main__":
    unittest.main()
