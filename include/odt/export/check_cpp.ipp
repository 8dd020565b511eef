// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/export/check_export.hpp>
#include <odt/export/check_export.ipp>
#include <odt/export/cpp_header.ipp>
#include <odt/io/file.hpp>
#include <odt/io/piped_command.hpp>

#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace odt {

namespace detail::checking {

/// The arguments are pictures: a file of RGB bytes, its height, its width. Beside each goes what is found in it.
inline constexpr std::string_view cpp_program = R"(
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

int main(int count, char** words) {
  exported find;
  for (int i = 1; i + 2 < count; i += 3) {
    const std::string path = words[i];
    const int height = std::atoi(words[i + 1]), width = std::atoi(words[i + 2]);
    std::vector<unsigned char> rgb(std::size_t(height) * std::size_t(width) * 3);
    std::FILE* const from = std::fopen(path.c_str(), "rb");
    if (!from || std::fread(rgb.data(), 1, rgb.size(), from) != rgb.size()) return 1;
    std::fclose(from);
    std::FILE* const to = std::fopen((path + ".found").c_str(), "wb");
    for (const odt::detection& d : find.detect(rgb.data(), height, width)) {
      const float row[] = {float(d.label), d.score, d.bounds.ymin, d.bounds.xmin, d.bounds.ymax, d.bounds.xmax};
      std::fwrite(row, sizeof row, 1, to);
    }
    if (std::fclose(to) != 0) return 1;
  }
}
)";

using cpp_row = std::array<float, 6>;

ODT_INLINE bool same_bits(const cpp_row& a, const cpp_row& b) {
  using bits = std::array<std::uint32_t, 6>;
  return std::bit_cast<bits>(a) == std::bit_cast<bits>(b);
}

ODT_INLINE cpp_row row_of(const detection& d) {
  return {static_cast<float>(d.label), d.score, d.bounds.ymin, d.bounds.xmin, d.bounds.ymax, d.bounds.xmax};
}

/// Detections of either that the other one has not in that place, bit for bit.
ODT_INLINE void compare_bits(const check_photo& photo, const detections& ours, const std::string& bytes,
                             check_report& report) {
  std::vector<cpp_row> theirs(bytes.size() / sizeof(cpp_row));
  std::memcpy(theirs.data(), bytes.data(), theirs.size() * sizeof(cpp_row));
  for (std::size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
    const cpp_row mine = i < ours.size() ? row_of(ours[i]) : cpp_row{};
    if (i < ours.size() && i < theirs.size() && same_bits(mine, theirs[i])) continue;
    if (i < ours.size()) report.problems.push_back(describe(photo, ours[i], "odt"));
    if (i >= theirs.size()) continue;
    const auto& [label, score, ymin, xmin, ymax, xmax] = theirs[i];
    report.problems.push_back(
        describe(photo, {{ymin, xmin, ymax, xmax}, static_cast<int>(label), score}, "the export"));
  }
  report.detections += ours.size();
  ++report.photos;
}

}  // namespace detail::checking

ODT_INLINE std::string cpp_flags() { return detail::cpp::compiler_flags(); }

ODT_INLINE check_report check_cpp(const ready_detector& detector, const std::string& directory, std::string_view name,
                                  std::span<const check_photo> photos, std::string_view compiler) {
  using namespace detail::checking;
  const scratch_folder folder;
  const std::string source = folder / "check.cpp", program = folder / "check", errors = folder / "errors";
  check_report report;
  const auto runs = [&](std::string_view command) {
    return std::system(str(command, " > /dev/null 2> ", shell_word(errors)).c_str()) == 0;
  };
  const auto require = [&](std::string_view command) {
    if (!runs(command)) fail(directory, ": the export does not run: ", read_file(errors).substr(0, 2000));
  };
  const std::string compile = str(compiler, " ", cpp_flags(), " ");
  write_file(source, "#include <odt/exec/cpu/ssd_inference.hpp>\n");
  if (!runs(str(compile, "-M ", shell_word(source)))) return report;

  write_file(source, str("#include \"", name, ".hpp\"\nusing exported = ", name, ";\n", cpp_program));
  require(
      str(compile, "-I ", shell_word(directory), " ", shell_word(source), " -o ", shell_word(program), " -pthread"));
  std::string command = shell_word(program);
  for (std::size_t i = 0; i < photos.size(); ++i) {
    const image& pixels = photos[i].pixels;
    const std::string path = folder / str(i);
    write_file(path, {reinterpret_cast<const char*>(pixels.pixels.data()), pixels.pixels.size()});
    command += str(" ", shell_word(path), " ", pixels.height, " ", pixels.width);
  }
  require(command);
  for (std::size_t i = 0; i < photos.size(); ++i)
    compare_bits(photos[i], detector.model->detect(photos[i].pixels), read_file(folder / str(i, ".found")), report);
  report.runner = str(name, ".hpp");
  return report;
}

}  // namespace odt
