# SPDX-License-Identifier: MIT
"""check_includes.py finds what it is there to find."""
import pathlib
import tempfile
import unittest

import check_includes


def errors_of(files):
    """What the check says about headers given as {path below odt/: text}."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder) / "include" / "odt" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return check_includes.check(pathlib.Path(folder))[0]


class CheckIncludes(unittest.TestCase):
    def refuses(self, part, files):
        found = errors_of(files)
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def test_takes_the_right_directions(self):
        self.assertEqual(errors_of({
            "core/a.hpp": "#include <vector>\n",
            "matcher.hpp": "#include <odt/core/a.hpp>\n",
            "matchers/argmax.hpp": "#include <odt/matcher.hpp>\n",
            "feature_extractors/a.hpp": "#include <odt/backbones/b.hpp>\n#include <odt/necks/c.hpp>\n",
            "ssd/options.hpp": "#include <odt/exec/step.hpp>\n",
            "exec/cpu/ssd.hpp": "#include <odt/ssd/options.hpp>\n",
            "exec/cpu/machine/simd.hpp": "#include <odt/matcher.hpp>\n#include <xsimd/xsimd.hpp>\n",
            "io/file.ipp": "#include <zlib.h>\n#include <unistd.h>\n",
            "train/help.ipp": 'auto text = R"(\n#include <odt/cli.hpp>\n)";\n',
        }), [])

    def test_refuses_wrong_directions(self):
        self.refuses("core does not include io", {"core/a.hpp": "#include <odt/io/b.hpp>\n"})
        self.refuses("policy does not include policy", {"matchers/a.hpp": "\n#include <odt/matchers/b.hpp>\n"})
        self.refuses("policy does not include policy", {"necks/a.hpp": "#include <odt/backbones/b.hpp>\n"})
        self.refuses("includes no other contract", {"matchers/a.hpp": "#include <odt/loss.hpp>\n"})
        self.refuses("exec does not include policy", {"exec/a.hpp": "#include <odt/losses/l2.hpp>\n"})
        self.refuses("exec does not include back_end", {"exec/a.hpp": "#include <odt/exec/cpu/b.hpp>\n"})
        self.refuses("back_end does not include detector", {"exec/cpu/a.hpp": "#include <odt/ssd.hpp>\n"})
        self.refuses("config does not include detector", {"config/a.ipp": "#include <odt/ssd.hpp>\n"})

    def test_refuses_libraries_elsewhere_than_behind_their_doors(self):
        self.refuses("belongs behind exec/cpu", {"nn/a.hpp": "#include <xsimd/xsimd.hpp>\n"})
        self.refuses("belongs in the .ipp", {"io/a.hpp": "#include <zlib.h>\n"})
        self.refuses("belongs behind config, export, io", {"train/a.ipp": "#include <odt/pipeline.pb.h>\n"})
        self.refuses("no known library", {"io/a.ipp": "#include <uv/uv.h>\n"})

    def test_refuses_circles_unknown_rooms_and_quotes(self):
        self.refuses("circle", {"core/a.hpp": "#include <odt/core/b.hpp>", "core/b.hpp": "#include <odt/core/a.hpp>"})
        self.refuses("no known room", {"cellar/a.hpp": "#include <vector>\n"})
        self.refuses("write <odt/...>", {"core/a.hpp": '#include "b.hpp"\n'})


if __name__ == "__main__":
    unittest.main()
