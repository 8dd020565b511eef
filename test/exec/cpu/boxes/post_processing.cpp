// SPDX-License-Identifier: MIT
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/exec/cpu/boxes/post_processing.hpp>

#include <box_coders/golden_coder.hpp>

namespace {

namespace cpu = odt::cpu;

odt::settings field(std::string name, std::string text) {
  odt::settings s;
  s.name = s.path = std::move(name);
  s.text = std::move(text);
  s.set = true;
  return s;
}

odt::score_converter converter(const std::string& text) {
  return odt::parse_score_converter(field("score_converter", text));
}

/// The post_processing that a golden case's text asks for.
odt::post_processing_options parse(const std::string& text) {
  const auto after = [&text](const std::string& name) {
    const std::size_t at = text.find(name + ": ");
    return at == std::string::npos ? std::string() : text.substr(at + name.size() + 2);
  };
  odt::post_processing_options o;
  o.suppression.fields(o.suppression, [&](std::string_view name, auto& member) {
    const std::string value = after(std::string(name));
    if (value.empty()) return;
    if constexpr (std::is_same_v<std::remove_reference_t<decltype(member)>, bool>)
      member = value.starts_with("true");
    else
      member = static_cast<std::remove_reference_t<decltype(member)>>(std::stod(value));
  });
  const std::string score = after("score_converter");
  o.converter = converter(score.substr(0, score.find_first_of(" }")));
  return o;
}

odt::settings suppression_message(std::vector<odt::settings> set) {
  odt::settings message = field("batch_non_max_suppression", "");
  message.message = true;
  odt::non_max_suppression_options defaults;
  defaults.fields(defaults, [&](std::string_view name, auto& value) {
    const auto given = std::ranges::find(set, name, &odt::settings::name);
    message.children.push_back(given == set.end() ? field(std::string(name), odt::str(value)) : *given);
  });
  return message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(post_processing_tests)

BOOST_AUTO_TEST_CASE(scores_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/post_processing/score_converter")) {
  for (const auto& c : odt::test::golden_cases("post_processing/score_converter")) {
    odt::post_processing_options o;
    o.converter = converter(c.params().at("score_converter").get<std::string>());
    o.logit_scale = c.params().at("logit_scale").get<float>();
    const auto logits = c.in("logits");
    const auto in = logits.as<float>();
    const auto columns = static_cast<std::size_t>(logits.shape.back());
    std::vector<float> scores(in.size());
    cpu::convert_scores(o, in.data(), in.size() / columns, columns, scores.data());
    odt::test::check_close(scores, c.out("scores"), c);
  }
}

BOOST_AUTO_TEST_CASE(softmax_rows_sum_to_one_for_any_number_of_classes) {
  odt::post_processing_options o;
  o.converter = odt::score_converter::softmax;
  for (std::size_t columns = 1; columns < 40; ++columns) {
    std::vector<float> logits(2 * columns), scores(2 * columns);
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = 50.f * std::sin(static_cast<float>(i));
    cpu::convert_scores(o, logits.data(), 2, columns, scores.data());
    for (std::size_t row = 0; row < 2; ++row) {
      double total = 0;
      for (std::size_t k = 0; k < columns; ++k) total += static_cast<double>(scores[row * columns + k]);
      BOOST_TEST(total == 1.0, boost::test_tools::tolerance(1e-5));
    }
  }
}

BOOST_AUTO_TEST_CASE(detections_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/detectors/ssd_postprocess")) {
  odt::thread_pool pool(2);
  const odt::faster_rcnn_box_coder coder;
  for (const auto& c : odt::test::golden_cases("detectors/ssd_postprocess")) {
    const std::string config = c.params().at("config").get<std::string>();
    const auto options = parse(config);
    const auto anchors = odt::test::to_boxes(c.in("anchors"));
    const auto logits = c.in("class_predictions_with_background");
    const auto codes = c.in("box_encodings").as<float>(), logit_values = logits.as<float>();
    const auto images = static_cast<std::size_t>(logits.shape[0]);
    const auto columns = static_cast<int>(logits.shape[2]);
    std::vector<odt::boxf> windows;
    const auto sizes = c.in("true_image_shapes"), padded = c.to_array(c.params().at("padded_image"));
    for (std::size_t i = 0; i < images; ++i)
      windows.push_back(
          {0, 0, static_cast<float>(sizes[3 * i] / padded[0]), static_cast<float>(sizes[3 * i + 1] / padded[1])});
    const bool background = config.find("add_background_class: false") == std::string::npos;
    cpu::post_processing_workspace space(static_cast<int>(anchors.size()), columns, pool.size());
    std::vector<odt::detections> found;
    cpu::post_process(pool, coder, anchors, options,
                      {static_cast<int>(images), static_cast<int>(anchors.size()), columns, codes.data(),
                       logit_values.data(), background},
                      windows, space, found);
    const std::size_t capacity = c.out("detection_scores").size() / images;
    std::vector<float> boxes, scores, classes, anchor, counts;
    for (const auto& image_detections : found) {
      counts.push_back(static_cast<float>(image_detections.size()));
      for (std::size_t k = 0; k < capacity; ++k) {
        const odt::detection d =
            k < image_detections.size() ? image_detections[k] : odt::detection{{0, 0, 0, 0}, 0, 0, 0};
        boxes.insert(boxes.end(), {d.bounds.ymin, d.bounds.xmin, d.bounds.ymax, d.bounds.xmax});
        scores.push_back(d.score);
        classes.push_back(static_cast<float>(d.label));
        anchor.push_back(static_cast<float>(d.anchor));
      }
    }
    odt::test::check_close(counts, c.out("num_detections"), c, "num_detections");
    odt::test::check_close(boxes, c.out("detection_boxes"), c, "detection_boxes");
    odt::test::check_close(scores, c.out("detection_scores"), c, "detection_scores");
    odt::test::check_close(classes, c.out("detection_classes"), c, "detection_classes");
    odt::test::check_close(anchor, c.out("detection_anchor_indices"), c, "detection_anchor_indices");

    std::vector<odt::boxf> raw_boxes(images * anchors.size());
    std::vector<float> raw_scores(logit_values.size());
    for (std::size_t i = 0; i < images; ++i)
      cpu::decode_boxes(coder, codes.data() + i * anchors.size() * 4, anchors, raw_boxes.data() + i * anchors.size());
    cpu::convert_scores(options, logit_values.data(), images * anchors.size(), static_cast<std::size_t>(columns),
                        raw_scores.data());
    odt::test::check_close(odt::test::to_floats(raw_boxes), c.out("raw_detection_boxes"), c, "raw_detection_boxes");
    odt::test::check_close(raw_scores, c.out("raw_detection_scores"), c, "raw_detection_scores");
  }
}

BOOST_AUTO_TEST_CASE(options_that_cannot_be_are_refused) {
  using odt::non_max_suppression_options;
  const auto o = non_max_suppression_options::from(suppression_message({field("max_detections_per_class", "7")}));
  BOOST_TEST(o.max_detections_per_class == 7);
  BOOST_TEST(o.iou_threshold == 0.6f);
  BOOST_TEST(o.change_coordinate_frame);
  for (const auto& wrong : {field("max_detections_per_class", "101"), field("max_detections_per_class", "0"),
                            field("iou_threshold", "1.5"), field("max_classes_per_detection", "2")})
    BOOST_CHECK_THROW(non_max_suppression_options::from(suppression_message({wrong})), odt::error);
  BOOST_CHECK_THROW(converter("LOGISTIC"), odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
