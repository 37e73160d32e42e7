"""The latent space: a linear code, known before anything is trained.

A clip is averaged to 64x64 pixels and cut into blocks of 8x8 pixels x 4 frames (32x32x4 at the film's 256x256). The
first frame stands for a block of its own, as in the Wan VAE, and is coded as four equal frames. A block's 768 numbers
are projected on their first Z principal components. The transformer can therefore be trained at once, on clips that
are only ever drawn at 64x64; the VAE's decoder learns to draw sharp 256x256 pictures from the code, and its encoder
learns to compute it.

A component's scale: fully whitened, the last component would weigh as much in the transformer's loss as the mean
colour; as they are, they differ 70-fold. A power between 0 (whitened) and 1 keeps the order and stays near unit size.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from ..world import draw_scene, object_mask, render

Z = 48
PIXELS = 64  # side of the averaged picture
BLOCK, STRIDE = 8, 4  # of a block: pixels a side, frames
GRID = PIXELS // BLOCK
SCALE_POWER = 0.3
OBJECT_WEIGHT = 2.0  # extra weight of a block that the object fills


def blocks(clip):
    """[1+4n, 64, 64, C] -> [1+n, 8, 8, 4*8*8*C]; the first frame is repeated to fill its block."""
    clip = np.concatenate([np.repeat(clip[:1], STRIDE, 0), clip[1:]])
    t, h, w, c = clip.shape
    split = clip.reshape(t // STRIDE, STRIDE, h // BLOCK, BLOCK, w // BLOCK, BLOCK, c)
    return split.transpose(0, 2, 4, 1, 3, 5, 6).reshape(t // STRIDE, h // BLOCK, w // BLOCK, -1)


def unblocks(values):
    """The inverse of blocks for RGB."""
    t, h, w, _ = values.shape
    split = values.reshape(t, h, w, STRIDE, BLOCK, BLOCK, 3).transpose(0, 3, 1, 4, 2, 5, 6)
    return split.reshape(t * STRIDE, h * BLOCK, w * BLOCK, 3)[STRIDE - 1 :]


@dataclass(frozen=True)
class LatentCode:
    mean: np.ndarray  # [768], of pixels in [-1, 1]
    analysis: np.ndarray  # [768, Z]: pixels to latent
    synthesis: np.ndarray  # [Z, 768]: back

    def encode(self, clip):
        """[1+4n, 64, 64, 3] in [0, 1] -> [Z, 1+n, 8, 8] float32."""
        flat = blocks(clip * 2 - 1) - self.mean
        return np.ascontiguousarray((flat @ self.analysis).transpose(3, 0, 1, 2))

    def decode(self, latent):
        """[Z, 1+n, 8, 8] -> [1+4n, 64, 64, 3] in [0, 1]: the linear picture, without the VAE."""
        flat = latent.transpose(1, 2, 3, 0) @ self.synthesis + self.mean
        return (unblocks(flat) + 1) / 2

    def save(self, path):
        save_file({"mean": self.mean, "analysis": self.analysis, "synthesis": self.synthesis}, path)

    @staticmethod
    def load(path):
        return LatentCode(**load_file(path))


def fit(clips=1500, first_seed=10_000_000):
    """Fits the code to rendered clips, a few blocks in time of each."""
    total, weights = np.zeros(768), 0.0
    squares = np.zeros((768, 768))
    times = np.arange(33) / 32
    for seed in range(first_seed, first_seed + clips):
        scene = draw_scene(seed)
        start = 1 + 4 * (seed % 8)
        window = times[start : start + 4]
        # A leading frame is dropped again: blocks() expects one.
        lead = np.concatenate([window[:1], window])
        x = blocks(render(scene, lead, PIXELS) * 2 - 1)[1:].reshape(-1, 768).astype(np.float64)
        covered = blocks(object_mask(scene, lead, PIXELS)[..., None])[1:].reshape(len(x), -1).mean(1)
        w = (1 + OBJECT_WEIGHT * covered)[:, None]
        total += (w * x).sum(0)
        squares += (w * x).T @ x
        weights += w.sum()
    mean = total / weights
    variance, vectors = np.linalg.eigh(squares / weights - np.outer(mean, mean))
    sigma = np.sqrt(variance[::-1][:Z])
    size = sigma**SCALE_POWER
    scale = sigma / (size / np.sqrt((size**2).mean()))
    basis = vectors[:, ::-1][:, :Z]
    basis *= np.sign(basis[np.abs(basis).argmax(0), range(Z)])  # the solver leaves the signs open
    return LatentCode(*(np.ascontiguousarray(a, np.float32) for a in (mean, basis / scale, (basis * scale).T)))


def run(options):
    """Stage `code`."""
    path = Path(options.out) / "code.safetensors"
    if path.exists():
        return
    code = fit(clips=20 if options.check else 1500)
    code.save(path)
    errors = []
    for seed in range(20_000_000, 20_000_000 + (4 if options.check else 40)):
        clip = render(draw_scene(seed), size=PIXELS)
        errors.append(((code.decode(code.encode(clip)) - clip) ** 2).mean())
    print(f"code: {Z} of 768 components, linear picture at 64x64: {-10 * np.log10(np.mean(errors)):.2f} dB")
