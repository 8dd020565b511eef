// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/cli/flags.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/convert.hpp>
#include <odt/dataset/convert_coco.hpp>
#include <odt/dataset/convert_pets.hpp>
#include <odt/io/file.hpp>
#include <odt/train/progress.hpp>
#include <odt/train/stop_signal.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace odt {

namespace detail::cli {

struct convert_command {
  convert_options how;
  tutorial_options tutorial;  // of csv only
};

/// Runs a conversion with a line that says how far it is.
template <class Convert>
int run_convert(convert_options how, Convert&& convert) {
  console out;
  const console_log log(out);
  const stop_signal stop;
  how.progress = [&out](std::size_t done, std::size_t all) {
    if (stop_signal::received() != 0) throw interrupted{};
    if (out.terminal()) out.status(str("picture ", done, " of ", all));
  };
  try {
    const convert_report report = convert(how);
    out.line(report.text());
    return 0;
  } catch (const interrupted&) {
    out.line("stopped; nothing was written");
    return 128 + stop.received();
  }
}

/// What all conversions have.
ODT_INLINE void add_common_convert_flags(CLI::App& app, convert_options& how) {
  app.add_option("--label_map,--label_map_path", how.label_map,
                 "the label map; made when there is none; when not given, label_map.pbtxt in the output directory");
  app.add_option("--output,--output_dir", how.output, "directory for the records");
  app.add_option("--threads", how.threads, "threads that read pictures; 0: all of the machine's")
      ->check(between(0, 1024));
  app.add_flag("--overwrite", how.overwrite, "replace records that are there and would change");
  static const std::map<std::string, labels_of_turned> turned{{"upright", labels_of_turned::upright},
                                                              {"stored", labels_of_turned::stored}};
  app.add_option("--exif", how.turned,
                 "on which picture boxes were drawn where its size does not tell: upright (turned as its EXIF "
                 "orientation says) or stored (as it lies in the file)")
      ->transform(CLI::CheckedTransformer(turned, CLI::ignore_case).description(""))
      ->type_name("upright|stored")
      ->default_str("upright");
  add_bad_example_flag(app, how.on_bad_example);
}

ODT_INLINE void add_convert_flags(CLI::App& app, convert_options& how) {
  app.add_option("--images", how.images, "directory of the pictures; when not given, that of the annotations");
  add_common_convert_flags(app, how);
  app.add_option("--shards", how.shards, "files that each set is dealt out to")
      ->check(between(1, 100000))
      ->capture_default_str();
  CLI::Option* split =
      app.add_option("--split", how.split, "share of the pictures that goes to train.record, the others to val.record")
          ->check(between(0.0, 1.0))
          ->capture_default_str();
  CLI::Option* set =
      app.add_option("--set", how.set, "name of the one set of records, instead of a split: valid for valid.record")
          ->excludes(split);
  CLI::Option* seed = app.add_option("--seed", how.seed, "of the split and of the order");
  app.add_option("--ids", how.ids, "lists of pictures as in VOC's ImageSets; one set of records each, no split")
      ->excludes(split)
      ->excludes(set)
      ->excludes(seed);
  app.add_flag("--normalized", how.normalized, "boxes are shares of the picture's sides (0 to 1), not pixels");
}

ODT_INLINE void add_convert_xml(CLI::App& app, program& p, const char* name, const char* what, const char* example) {
  CLI::App* xml = app.add_subcommand(name, what);
  xml->footer(example);
  const auto command = std::make_shared<convert_command>();
  add_convert_flags(*xml, command->how);
  xml->get_option("--output")->required();
  xml->add_option("--annotations", command->how.annotations,
                  "directory of the XML files; when not given, that of the pictures");
  xml->callback([command, &p] {
    if (command->how.images.empty() && command->how.annotations.empty()) throw CLI::RequiredError("--images");
    p.action = [command] {
      return run_convert(command->how, [](const convert_options& how) { return convert_voc(how); });
    };
  });
}

ODT_INLINE int run_convert_csv(const convert_command& c) {
  if (!c.how.output.empty()) return run_convert(c.how, [](const convert_options& how) { return convert_csv(how); });
  return run_convert(c.how, [&c](const convert_options& how) {
    tutorial_options tutorial = c.tutorial;
    tutorial.label_map = how.label_map;
    tutorial.classes = how.classes;
    tutorial.on_bad_example = how.on_bad_example;
    tutorial.overwrite = how.overwrite;
    tutorial.turned = how.turned;
    tutorial.normalized = how.normalized;
    tutorial.threads = how.threads;
    tutorial.progress = how.progress;
    return convert_csv(tutorial);
  });
}

ODT_INLINE void add_convert_csv(CLI::App& app, program& p) {
  CLI::App* csv = app.add_subcommand("csv", "The tutorials' table: filename,width,height,class,xmin,ymin,xmax,ymax");
  csv->footer("Example: odt convert csv --csv_input train_labels.csv --image_dir images --output_path train.record");
  const auto command = std::make_shared<convert_command>();
  add_convert_flags(*csv, command->how);
  csv->add_option("--annotations", command->how.annotations, "the table, for records in --output with a split");
  csv->add_option("--csv_input", command->tutorial.csv_input, "the table, for one record file")
      ->excludes("--annotations");
  csv->add_option("--image_dir,--img_path", command->tutorial.image_dir,
                  "directory of the pictures, for one record file")
      ->excludes("--images");
  csv->add_option("--output_path", command->tutorial.output_path, "the one record file");
  csv->add_option("--label", command->how.classes,
                  "names of the classes in the order of their ids, for a label map that is made");
  csv->callback([command, csv, &p] {
    convert_options& how = command->how;
    tutorial_options& one = command->tutorial;
    if (how.output.empty() == one.output_path.empty()) throw CLI::ValidationError("one of --output and --output_path");
    if (!one.output_path.empty())
      for (const char* const flag : {"--split", "--set", "--shards", "--seed", "--ids"})
        if (csv->count(flag))
          throw CLI::ValidationError(str(flag, " is for --output; --output_path is one file of all rows"));
    if (how.annotations.empty()) how.annotations = one.csv_input;
    if (one.csv_input.empty()) one.csv_input = how.annotations;
    if (how.images.empty()) how.images = one.image_dir;
    if (one.image_dir.empty()) one.image_dir = how.images;
    if (one.csv_input.empty()) throw CLI::RequiredError("--csv_input");
    p.action = [command] { return run_convert_csv(*command); };
  });
}

struct pets_command {
  convert_options how;
  pets_options what;

  pets_command() { how.shards = 10; }
};

ODT_INLINE void add_convert_pets(CLI::App& app, program& p) {
  CLI::App* pets = app.add_subcommand("pets", "The Oxford-IIIT Pet data set, with the split of the API's converter");
  pets->footer(
      "Example: odt convert pets --data_dir pets --output_dir data --faces_only=false\n"
      "The directory holds images/ and annotations/ (trainval.txt, xmls/, trimaps/).");
  const auto command = std::make_shared<pets_command>();
  pets->add_option("--data_dir", command->what.data_dir, "directory of the data set")->required();
  add_common_convert_flags(*pets, command->how);
  pets->get_option("--output")->required();
  pets->add_flag("--faces_only,!--nofaces_only", command->what.faces_only,
                 "the boxes of faces (the default); --faces_only=false: boxes and masks of whole pets")
      ->default_str("true");
  static const std::map<std::string, mask_type> types{{"png", mask_type::png}, {"numerical", mask_type::numerical}};
  pets->add_option("--mask_type", command->how.masks,
                   "how masks are written; the reader's mask_type is then PNG_MASKS or NUMERICAL_MASKS")
      ->transform(CLI::CheckedTransformer(types, CLI::ignore_case).description(""))
      ->type_name("png|numerical")
      ->default_str("png");
  pets->add_option("--num_shards,--shards", command->how.shards, "files that each set is dealt out to")
      ->check(between(1, 99999))
      ->capture_default_str();
  pets->callback([command, &p] {
    p.action = [command] {
      return run_convert(command->how,
                         [command](const convert_options& how) { return convert_pets(command->what, how); });
    };
  });
}

/// COCO's sets under the API's names: train, val, testdev.
struct coco_command {
  convert_options how;
  coco_set train{"coco_train", "", "", 100}, val{"coco_val", "", "", 50}, testdev{"coco_testdev", "", "", 50};
  bool include_masks = false;
  int shards = 0;

  /// The sets that were asked for.
  coco_options what() const {
    coco_options options{{}, include_masks};
    for (coco_set set : {train, val, testdev}) {
      if (set.annotations.empty()) continue;
      if (shards > 0) set.shards = shards;
      options.sets.push_back(std::move(set));
    }
    return options;
  }
};

ODT_INLINE void add_coco_set(CLI::App& app, coco_set& set, const std::string& images, const std::string& annotations) {
  CLI::Option* folder = app.add_option("--" + images, set.images, "directory of the pictures of " + set.name);
  CLI::Option* file = app.add_option("--" + annotations, set.annotations, "COCO's JSON of instances for " + set.name);
  folder->needs(file);
  file->needs(folder);
}

ODT_INLINE void add_convert_coco(CLI::App& app, program& p) {
  CLI::App* coco = app.add_subcommand("coco", "COCO's JSON of instances, with boxes and masks");
  coco->footer(
      "Example: odt convert coco --train_image_dir train2017 --train_annotations_file instances_train2017.json "
      "--include_masks --output_dir data");
  const auto command = std::make_shared<coco_command>();
  add_coco_set(*coco, command->train, "train_image_dir", "train_annotations_file");
  add_coco_set(*coco, command->val, "val_image_dir", "val_annotations_file");
  add_coco_set(*coco, command->testdev, "test_image_dir", "testdev_annotations_file");
  add_common_convert_flags(*coco, command->how);
  coco->get_option("--output")->required();
  coco->add_flag("--include_masks", command->include_masks,
                 "write the segmentations as masks, in PNG (the reader's mask_type: PNG_MASKS)");
  coco->add_option("--num_shards,--shards", command->shards, "files that each set is dealt out to")
      ->check(between(1, 99999))
      ->default_str("100 for coco_train, 50 for the others");
  coco->callback([command, &p] {
    if (command->what().sets.empty()) throw CLI::RequiredError("--train_annotations_file");
    p.action = [command] {
      return run_convert(command->how,
                         [command](const convert_options& how) { return convert_coco(command->what(), how); });
    };
  });
}

ODT_INLINE void add_convert(CLI::App& app, program& p) {
  CLI::App* convert = app.add_subcommand("convert", "Make records and a label map of labelled pictures");
  convert->require_subcommand(1);
  convert->footer("Example: odt convert labelimg --images photos --output data");
  add_convert_xml(*convert, p, "labelimg", "Pictures with labelImg's XML files",
                  "Example: odt convert labelimg --images photos --output data --split 0.8");
  add_convert_xml(*convert, p, "voc", "PASCAL VOC's directories of pictures and annotations",
                  "Example: odt convert voc --images JPEGImages --annotations Annotations "
                  "--ids ImageSets/Main/train.txt ImageSets/Main/val.txt --output data");
  add_convert_csv(*convert, p);
  add_convert_pets(*convert, p);
  add_convert_coco(*convert, p);
}

}  // namespace detail::cli

}  // namespace odt
