// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/checkpoint_tools.hpp>
#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/core/error.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint_files.hpp>
#include <odt/io/file.hpp>
#include <odt/io/same_file.hpp>

#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace odt {

namespace detail::cli {

inline constexpr const char* checkpoint_paths =
    "a prefix (model.ckpt-1000), a directory, a V1 file, a .tar.gz, a PyTorch file, a .safetensors or a frozen graph "
    "(.pb)";

ODT_INLINE void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

ODT_INLINE void add_names_flag(CLI::App& app, tensor_naming& names) {
  static const std::map<std::string, tensor_naming> kinds{{"api", tensor_naming::api},
                                                          {"stored", tensor_naming::stored}};
  app.add_option("--names", names,
                 "of a PyTorch file's tensors: as stored there, or the API's, for torchvision's networks")
      ->transform(CLI::CheckedTransformer(kinds, CLI::ignore_case).description(""))
      ->type_name("api|stored")
      ->default_str(names == tensor_naming::api ? "api" : "stored");
}

/// What is written is new, unless it may replace something, and never what was given.
ODT_INLINE void check_output(const std::string& output, const std::vector<std::string>& inputs, bool overwrite) {
  const auto file_of = [](const std::string& checkpoint) {
    return file_exists(checkpoint + ".index") ? checkpoint + ".index" : checkpoint;
  };
  const std::string file = output.ends_with(".safetensors") ? output : output + ".index";
  std::vector<std::string> given;
  for (const std::string& input : inputs) given.push_back(file_of(checkpoint_prefix(input)));
  refuse_to_replace(given, std::vector{file}, "choose another --output");
  if (!overwrite && file_exists(file)) fail(file, ": exists; --overwrite replaces it");
}

ODT_INLINE void add_checkpoint_list(CLI::App& app, program& p) {
  CLI::App* list = app.add_subcommand("list", "Name, type, shape, bytes and statistics of each tensor");
  list->footer("Example: odt checkpoint list model/model.ckpt-1000");
  struct command {
    std::string path;
    tensor_naming names = tensor_naming::stored;
    bool json = false;
  };
  const auto c = std::make_shared<command>();
  list->add_flag("--json", c->json, "as JSON");
  add_names_flag(*list, c->names);
  list->add_option("checkpoint", c->path, checkpoint_paths)->required();
  list->callback([c, &p] {
    p.action = [c] {
      const checkpoint_reader checkpoint = open_checkpoint(c->path, c->names);
      print(c->json ? list_tensors_json(checkpoint) : list_tensors(checkpoint));
      return 0;
    };
  });
}

ODT_INLINE void add_checkpoint_diff(CLI::App& app, program& p) {
  CLI::App* diff = app.add_subcommand("diff", "Which tensors differ, and by how much; status 1 where some do");
  diff->footer("Example: odt checkpoint diff model/model.ckpt-1000 model/model.ckpt-2000");
  struct command {
    std::string a, b;
    tensor_naming names = tensor_naming::stored;
    double tolerance = 0;
  };
  const auto c = std::make_shared<command>();
  diff->add_option("--tolerance", c->tolerance, "numbers that differ by no more are equal")
      ->check(not_negative())
      ->capture_default_str();
  add_names_flag(*diff, c->names);
  diff->add_option("a", c->a, checkpoint_paths)->required();
  diff->add_option("b", c->b, "another")->required();
  diff->callback([c, &p] {
    p.action = [c] {
      const auto found =
          compare_checkpoints(open_checkpoint(c->a, c->names), open_checkpoint(c->b, c->names), c->tolerance);
      print(found.text);
      return found.equal ? 0 : 1;
    };
  });
}

ODT_INLINE void add_checkpoint_convert(CLI::App& app, program& p) {
  CLI::App* convert = app.add_subcommand("convert", "Write a checkpoint in another format");
  convert->footer(
      "Example: odt checkpoint convert --output imagenet/resnet_v1_50.ckpt resnet50.pth\n"
      "What ends with .safetensors is written so, all else as TensorFlow's V2 checkpoint of that prefix.");
  struct command {
    std::string input, output;
    tensor_naming names = tensor_naming::api;
    std::optional<double> epsilon;
    bool overwrite = false;
  };
  const auto c = std::make_shared<command>();
  convert->add_option("--output", c->output, "prefix of the V2 checkpoint, or a file that ends with .safetensors")
      ->required();
  add_names_flag(*convert, c->names);
  convert
      ->add_option("--epsilon", c->epsilon,
                   "of the batch norms of the network that torchvision's is for; when not given, slim's: 0.001 of "
                   "MobileNet v2, 0.00001 of ResNet v1")
      ->check(between(1e-12, 1.0));
  convert->add_flag("--overwrite", c->overwrite, "replace what is there");
  convert->add_option("checkpoint", c->input, checkpoint_paths)->required();
  convert->callback([c, &p] {
    p.action = [c] {
      check_output(c->output, {c->input}, c->overwrite);
      const checkpoint_reader from = open_checkpoint(c->input, c->names, c->epsilon);
      make_directories(directory_of(c->output));
      convert_checkpoint(from, c->output);
      print(str(counted(std::ssize(from.tensors()), "tensor"), " of ", from.prefix(), ": ", c->output, "\n"));
      return 0;
    };
  });
}

ODT_INLINE void add_checkpoint_average(CLI::App& app, program& p) {
  CLI::App* average = app.add_subcommand("average", "Write the mean of several checkpoints of one detector");
  average->footer(
      "Example: odt checkpoint average --last 5 --output averaged/model.ckpt-2000 model\n"
      "Floating-point tensors are averaged; global_step and the rest are those of the most steps.");
  struct command {
    std::vector<std::string> inputs;
    std::string output;
    int last = 0;
    bool overwrite = false;
  };
  const auto c = std::make_shared<command>();
  average->add_option("--output", c->output, "prefix of the V2 checkpoint")->required();
  average->add_option("--last", c->last, "the newest so many of the one directory that is given")
      ->check(between(2, 100000));
  average->add_flag("--overwrite", c->overwrite, "replace what is there");
  average->add_option("checkpoints", c->inputs, "checkpoints; with --last a directory")->required();
  average->callback([c, &p] {
    if (c->last > 0 && c->inputs.size() != 1) throw CLI::ValidationError("--last is for one directory");
    p.action = [c] {
      const auto inputs = c->last > 0 ? newest_checkpoints(c->inputs[0], c->last) : c->inputs;
      check_output(c->output, inputs, c->overwrite);
      make_directories(directory_of(c->output));
      average_checkpoints(inputs, c->output);
      print(str("the mean of ", join(inputs, ", "), ": ", c->output, "\n"));
      return 0;
    };
  });
}

ODT_INLINE void add_checkpoint(CLI::App& app, program& p) {
  CLI::App* checkpoint = app.add_subcommand("checkpoint", "List, compare, convert and average checkpoints");
  checkpoint->require_subcommand(1);
  checkpoint->footer("Example: odt checkpoint list model/model.ckpt-1000");
  add_checkpoint_list(*checkpoint, p);
  add_checkpoint_diff(*checkpoint, p);
  add_checkpoint_convert(*checkpoint, p);
  add_checkpoint_average(*checkpoint, p);
}

}  // namespace detail::cli

}  // namespace odt
