// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/label_survey.hpp>
#include <odt/dataset/sample_maker.hpp>
#include <odt/io/example.hpp>

#include <span>

namespace odt {

namespace detail::surveying {

ODT_INLINE void add_size(label_survey& survey, const image_resizer& resizer, size2 size) {
  if (size.height < 1 || size.width < 1) return void(++survey.unsized_images);
  const auto pixels = [](size2 s) { return std::int64_t{s.height} * s.width; };
  const size2 input = resizer.outer_size(size);
  if (pixels(input) > pixels(survey.largest_input)) survey.largest_input = input;
}

ODT_INLINE void add(label_survey& survey, const record_set& records, std::uint64_t record,
                    const loader_options& options) {
  const std::string place = records.place(record);
  ++survey.images;
  const auto unusable = [&survey](const std::string& why) {
    if (survey.unusable_images++ == 0) survey.first_unusable_image = why;
  };
  try {
    const byte_source read = [&](std::uint64_t offset, std::span<char> out) { records.read_part(record, offset, out); };
    const example source = parse_example_labels(records.length(record), read, place);
    const checked_labels checked = to_labels(source, options.classes, {source.height, source.width});
    add_size(survey, options.resizer, {source.height, source.width});
    survey.objects += checked.objects;
    survey.usable_objects += checked.truth.size();
    if (checked.useless()) unusable(describe_useless(place, source, checked));
    if (survey.first_problem.empty() && !checked.problems.empty())
      survey.first_problem = str(place, " (", source.name("no name"), "): ", checked.problems.front());
  } catch (const error& wrong) {
    unusable(wrong.what());
  }
}

}  // namespace detail::surveying

ODT_INLINE label_survey survey_labels(const record_set& records, const loader_options& options,
                                      const std::function<void(std::uint64_t)>& progress) {
  label_survey survey;
  const std::uint64_t examples = epoch_size(options, records);
  const auto step = static_cast<std::uint64_t>(options.sample_1_of_n_examples);
  for (std::uint64_t i = 0; i < examples; ++i) {
    detail::surveying::add(survey, records, i * step, options);
    if (progress && i % 256 == 0) progress(i);
  }
  return survey;
}

}  // namespace odt
