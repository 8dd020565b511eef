// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/version.hpp>
#include <odt/core/target.hpp>
#include <odt/exec/cpu/convolution/amx.hpp>
#include <odt/exec/cpu/machine/processor.hpp>
#include <odt/version.hpp>

#include <algorithm>

#if defined(__clang__)
#define ODT_COMPILER_NAME "clang " __clang_version__
#else
#define ODT_COMPILER_NAME "g++ " __VERSION__
#endif

namespace odt::detail::cli {

ODT_INLINE std::string version_text(std::span<const detector_type> detectors) {
  const auto yes_or_no = [](bool has) { return has ? "yes" : "no"; };
#if ODT_AMX
  const char* bf16 = "AMX";
#elif defined(__AVX512BF16__)
  const char* bf16 = "AVX-512";
#else
  const char* bf16 = "no";
#endif
#if defined(ODT_HAS_TURBOJPEG)
  constexpr bool turbojpeg = true;
#else
  constexpr bool turbojpeg = false;
#endif
#if defined(ODT_HAS_JPEGLIB)
  constexpr bool jpeg_parts = true;
#else
  constexpr bool jpeg_parts = false;
#endif
  const bool cuda = std::ranges::any_of(detectors, &detector_type::has_cuda);
  return str("odt " ODT_VERSION "\ninstruction set: ", cpu::processor_name, ", ", cpu::isa_name,
             " kernels\ncompiler: " ODT_COMPILER_NAME "\nbfloat16: ", bf16, "\nturbojpeg: ", yes_or_no(turbojpeg),
             "\nparts of JPEGs: ", yes_or_no(jpeg_parts), "\nCUDA: ", yes_or_no(cuda));
}

}  // namespace odt::detail::cli
