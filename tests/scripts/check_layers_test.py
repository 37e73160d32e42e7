"""scripts/check_layers.py on small trees: a clean one passes, and each kind of breach is found."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
sys.dont_write_bytecode = True
import check_layers  # noqa: E402

ARCHITECTURE = """
configure_file(core/version.h.in ${CMAKE_BINARY_DIR}/generated/made_version.h)
soragen_module(core LINKS spdlog::spdlog)  # soragen_module(ghost)
soragen_module(media DEPENDS core LINKS PkgConfig::LIBAV)
soragen_module(publishing DEPENDS media)
soragen_module(ops DEPENDS core kernels LINKS LibTorch::cpu)
soragen_module(text DEPENDS ops)
soragen_module(families DEPENDS text)
soragen_module(families/wan DEPENDS families)
soragen_module(families/registry DEPENDS families/wan)
soragen_module(cli DEPENDS families/registry publishing)
"""
CLEAN = {
    "src/CMakeLists.txt": ARCHITECTURE,
    "include/soragen/frame.h": '#include <vector>\n#include "soragen/error.h"\n',
    "include/soragen/error.h": "#include <string>\n",
    "kernels/rms/rms.h": '#include "core/fail.h"\n',
    "src/core/fail.h": '#include "soragen/error.h"\n#include <fmt/format.h>\n',
    "src/core/version.cpp": '#include "made_version.h"\n',
    "src/media/encoder.h": "#include <libavcodec/avcodec.h>\n",
    "src/publishing/publish.cpp": '#include "media/encoder.h"\n#include "core/fail.h"\n',
    "src/ops/norm.h": '#include "kernels/rms/rms.h"\n#include <ATen/core/Tensor.h>\n',
    "src/text/encoder.h": '#include "ops/norm.h"\n#include <ATen/ops/add.h>\n// we want a swan\n',
    "src/families/family.h": '#include "text/encoder.h"\n// rows for the registry\n',
    "src/families/wan/dit.h": '#include "families/family.h"\nstruct WanDit;\n',
    "src/families/registry/rows.h": '#include "families/wan/dit.h"  // wan\n',
    "src/cli/main.cpp": '#include "families/registry/rows.h"\n#include "publishing/publish.cpp"\n',
    "tests/media/encoder_test.cpp": "#include <libavformat/avformat.h>\n#include <ATen/core/Tensor.h>\n",
}


class CheckLayers(unittest.TestCase):
    def breaches(self, changes):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**CLEAN, **changes}.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check_layers.check(Path(folder))

    def assert_one(self, file, text, says):
        found = self.breaches({file: text})
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f"{file}:"), found)
        self.assertIn(says, found[0])

    def test_clean_tree(self):
        self.assertEqual(self.breaches({}), [])

    def test_upward_include(self):
        self.assert_one("src/core/log.cpp", '#include "media/encoder.h"\n', "core may not include src/media/encoder.h")

    def test_sideways_include(self):
        self.assert_one("src/media/sink.cpp", '#include "ops/norm.h"\n', "media may not include src/ops/norm.h")

    def test_relative_path_is_no_way_around(self):
        self.assert_one("src/media/sink.cpp", '#include "../ops/norm.h"\n', "media may not include src/ops/norm.h")

    def test_nested_module_is_its_own(self):
        self.assert_one("src/families/wan/config.h", '#include "families/registry/rows.h"\n', "families/wan may not include")
        self.assert_one("src/families/x.cpp", '#include "families/registry/rows.h"\n', "families may not include")

    def test_kernels_know_core_alone(self):
        self.assert_one("kernels/rms/rms_ref.cpp", '#include "ops/norm.h"\n', "kernels may not include src/ops/norm.h")
        self.assert_one("kernels/rms/rms_ref.cpp", "#include <ATen/core/Tensor.h>\n", "kernels may not include LibTorch")

    def test_libtorch_only_in_the_tensor_half(self):
        for header in ("ATen/ops/add.h", "c10/util/Half.h", "torch/library.h"):
            self.assert_one("src/publishing/x.cpp", f"#include <{header}>\n", "publishing may not include LibTorch")
            self.assert_one("src/cli/x.cpp", f"#include <{header}>\n", "cli may not include LibTorch")

    def test_libav_only_in_media(self):
        for header in ("libavutil/frame.h", "libswscale/swscale.h"):
            self.assert_one("src/publishing/x.cpp", f"#include <{header}>\n", "publishing may not include libav")

    def test_umbrella_headers_nowhere(self):
        for header in ("torch/torch.h", "torch/script.h", "torch/nn/module.h", "ATen/ATen.h"):
            for file in ("src/ops/x.cpp", "tests/ops/x_test.cpp"):
                self.assert_one(file, f"  #  include <{header}>\n", "takes in all of LibTorch")

    def test_public_headers_stand_alone(self):
        for text in ("#include <fmt/format.h>\n", '#include "core/fail.h"\n', "#include <cuda_runtime.h>\n"):
            self.assert_one("include/soragen/x.h", text, "a public header may include only")

    def test_family_name(self):
        for text in ("// the Wan 2.1 decoder\n", "int wan_width;\n", 'if (name == "WanPipeline")\n', "#define WAN\n"):
            self.assert_one("src/text/x.cpp", text, 'says "wan"')

    def test_unknown_header(self):
        self.assert_one("src/core/x.cpp", '#include "nowhere.h"\n', "not in this tree")

    def test_file_without_module(self):
        self.assert_one("src/utils/x.cpp", "", "belongs to no soragen_module()")

    def test_depends_on_nothing_known(self):
        with self.assertRaisesRegex(SystemExit, "which is no module"):
            self.breaches({"src/CMakeLists.txt": "soragen_module(core DEPENDS ghost)\n"})


if __name__ == "__main__":
    unittest.main()
