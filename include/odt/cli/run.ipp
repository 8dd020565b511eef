// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/cli/processor_check.hpp>
#include <odt/cli/run.hpp>
#include <odt/cli/unknown_words.hpp>
#include <odt/cli/version.hpp>
#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/exec/cpu/machine/isa.hpp>
#include <odt/exec/cpu/machine/processor.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>

#if defined(ODT_HEADER_ONLY)
#include <odt/cli/bench.ipp>
#include <odt/cli/checkpoint.ipp>
#include <odt/cli/convert.ipp>
#include <odt/cli/detect.ipp>
#include <odt/cli/eval.ipp>
#include <odt/cli/export.ipp>
#include <odt/cli/inspect.ipp>
#include <odt/cli/label.ipp>
#include <odt/cli/launch.ipp>
#include <odt/cli/legacy.ipp>
#include <odt/cli/serve.ipp>
#include <odt/cli/shapes.ipp>
#include <odt/cli/train.ipp>
#endif

namespace odt {

namespace detail::cli {

ODT_INLINE int report(const char* message) {
  std::fflush(stdout);
  std::fprintf(stderr, "odt: error: %s\n", message);
  return 1;
}

/// Help goes to stdout with status 0; a wrong command line to stderr with status 2.
ODT_INLINE int explain(const CLI::App& app, const CLI::ParseError& wrong) {
  if (wrong.get_exit_code() == 0) return app.exit(wrong);
  const CLI::App& command = chosen_command(app);
  std::string text = unknown_words(app);  // the likeliest reason for what else is missing
  if (text.empty() && !command_names(command).empty())
    text = str("say what to do: ", full_name(command), " ", join(command_names(command), ", "));
  if (text.empty()) text = wrong.what();
  std::fprintf(stderr, "odt: error: %s\n%s --help tells more.\n", text.c_str(), full_name(command).c_str());
  return 2;
}

/// "odt help train" is "odt train --help".
ODT_INLINE std::vector<std::string> reversed_arguments(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    const auto commands = command_names(app);
    if (words.empty() || std::ranges::find(commands, words.front()) != commands.end()) words.push_back("--help");
  }
  std::ranges::reverse(words);  // as App::parse wants them
  return words;
}

ODT_INLINE void warn_if_slow() {
  if (cpu::isa_name != "baseline") return;
#if defined(ODT_BASELINE_ISA)
  constexpr std::string_view advice = "";
#else
  constexpr std::string_view advice = "; compile it with -march=native (-DODT_ARCH=native)";
#endif
  if (cpu::machine_has_avx2())
    warn("this program was compiled without AVX2 and FMA and is slow", advice);
  else
    warn("this processor is slow: it has no AVX2 and FMA");
}

}  // namespace detail::cli

ODT_INLINE int run_cli(const std::vector<detector_type>& detectors, int argc, char** argv) {
  CLI::App app{
      "odt: trains and runs object detectors from the TensorFlow Object Detection API's files.\n"
      "Try: odt shapes --output shapes; or label photos with odt label, or with labelImg and odt convert labelimg."};
  app.name("odt");
  app.formatter(std::make_shared<detail::cli::help_formatter>());
  app.set_version_flag(
      "--version", [&detectors] { return detail::cli::version_text(detectors); },
      "print the version and what the program was compiled for");
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  detail::cli::program program{detectors, {}};
  detail::cli::add_convert(app, program);
  detail::cli::add_label(app, program);
  detail::cli::add_train(app, program);
  detail::cli::add_eval(app, program);
  detail::cli::add_detect(app, program);
  detail::cli::add_export(app, program);
  detail::cli::add_serve(app, program);
  detail::cli::add_inspect(app, program);
  detail::cli::add_launch(app, program);
  detail::cli::add_checkpoint(app, program);
  detail::cli::add_shapes(app, program);
  detail::cli::add_bench(app, program);
  detail::cli::add_legacy_train(app, program);
  detail::cli::add_legacy_eval(app, program);
  try {
    app.parse(detail::cli::reversed_arguments(app, argc, argv));
    detail::cli::warn_if_slow();
    const int status = program.action();
    if (std::fflush(stdout) != 0 || std::ferror(stdout))
      return detail::cli::report("the output could not be written whole; is the disk full?");
    return status;
  } catch (const CLI::ParseError& wrong) {
    return detail::cli::explain(app, wrong);
  } catch (const std::bad_alloc&) {
    return detail::cli::report("out of memory; a smaller batch_size or image needs less");
  } catch (const std::exception& wrong) {
    return detail::cli::report(wrong.what());
  }
}

}  // namespace odt
