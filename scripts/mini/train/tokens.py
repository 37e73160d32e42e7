"""Stage `tokens`: a SentencePiece unigram model of the captions, with byte fallback so that any script has a spelling.

Ids as UMT5 has them: pad 0, eos 1, unk 2. Training and soragen use the SentencePiece model itself.
"""

import io
from pathlib import Path

import numpy as np
import sentencepiece

from ..world import draw_scene
from ..world.captions import caption
from ..world.words import FILLERS, MANNERS, OPENERS, WORDS

VOCABULARY = 1024
EOS = 1


def sentences(count):
    rng = np.random.default_rng(5)
    for seed in range(count):
        yield caption(draw_scene(seed), rng, synonyms=0.7, fillers=0.3)[0]
    # Every word often enough to become a piece, in lower case and capitalised.
    lists = [w for values in WORDS.values() for words in values.values() for w in words]
    flat = [w for item in lists for w in (item if isinstance(item, tuple) else (item,))]
    for word in [*flat, *FILLERS, *MANNERS, *OPENERS] * 20:
        yield word
        yield word.capitalize()


class Tokens:
    def __init__(self, folder):
        self.model = sentencepiece.SentencePieceProcessor(model_file=str(Path(folder) / "spiece.model"))

    def __len__(self):
        return self.model.vocab_size()

    def __call__(self, text):
        return [*self.model.encode(text), EOS]


def run(options):
    path = Path(options.out) / "spiece.model"
    if path.exists():
        return
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=sentences(2000 if options.check else 40000),
        model_writer=model,
        model_type="unigram",
        vocab_size=VOCABULARY,
        hard_vocab_limit=False,
        byte_fallback=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())
    tokens = Tokens(options.out)
    print(f"tokens: {len(tokens)} pieces; 'a red ball bounces' is {tokens('a red ball bounces')}")
