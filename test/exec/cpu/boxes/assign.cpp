// SPDX-License-Identifier: MIT
#include <odt/anchor_generators/ssd.hpp>
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/box_coders/mean_stddev.hpp>
#include <odt/box_coders/square.hpp>
#include <odt/core/random.hpp>
#include <odt/exec/cpu/boxes/assign.hpp>
#include <odt/matchers/argmax.hpp>
#include <odt/matchers/bipartite.hpp>
#include <odt/similarities/ioa.hpp>
#include <odt/similarities/iou.hpp>
#include <odt/similarities/neg_sq_dist.hpp>
#include <odt/similarities/thresholded_iou.hpp>

#include <box_coders/golden_coder.hpp>

#include <boost/mpl/list.hpp>

namespace {

namespace cpu = odt::cpu;
using odt::boxf;

/// A batch's ground truth with its storage.
struct truth_storage {
  int max_boxes = 0;
  std::vector<int> counts, classes;
  std::vector<boxf> boxes;
  std::vector<float> weights;

  explicit truth_storage(std::size_t images, int capacity)
      : max_boxes(capacity),
        counts(images),
        classes(images * static_cast<std::size_t>(capacity)),
        boxes(classes.size()),
        weights(classes.size()) {}

  void add(std::size_t image, const boxf& b, int label, float weight) {
    const std::size_t at = image * static_cast<std::size_t>(max_boxes) + static_cast<std::size_t>(counts[image]++);
    boxes[at] = b, classes[at] = label, weights[at] = weight;
  }
  odt::ground_truth view() const {
    return {static_cast<int>(counts.size()), max_boxes, counts.data(), boxes.data(), classes.data(), weights.data()};
  }
};

/// Targets of a batch with their storage; filled with numbers that have to be overwritten.
struct target_storage {
  std::vector<int> match, classes;
  std::vector<float> class_weights, regression, regression_weights;

  target_storage(std::size_t images, std::size_t anchors, std::size_t code_size)
      : match(images * anchors, 99),
        classes(images * anchors, 99),
        class_weights(images * anchors, 99),
        regression(images * anchors * code_size, 99),
        regression_weights(images * anchors, 99) {}

  odt::assigned_targets view() {
    return {match.data(), classes.data(), class_weights.data(), regression.data(), regression_weights.data()};
  }
  friend bool operator==(const target_storage&, const target_storage&) = default;
};

template <class Similarity, class Matcher, class Coder>
target_storage assigned(const Similarity& similarity, const Matcher& matcher, const Coder& coder,
                        const std::vector<boxf>& anchors, const truth_storage& truth, float negative_class_weight,
                        int threads = 1) {
  odt::thread_pool pool(threads);
  cpu::assign_workspace space(anchors, truth.max_boxes, pool.size(), odt::image_matcher<Matcher>);
  target_storage out(truth.counts.size(), anchors.size(), Coder::code_size);
  cpu::assign(pool, similarity, matcher, coder, truth.view(), negative_class_weight, space, out.view());
  return out;
}

/// The same from the contracts alone.
template <class Similarity, class Matcher, class Coder>
target_storage plainly(const Similarity& similarity, const Matcher& matcher, const Coder& coder,
                       const std::vector<boxf>& anchors, const truth_storage& truth, float negative_class_weight) {
  target_storage out(truth.counts.size(), anchors.size(), Coder::code_size);
  for (std::size_t image = 0; image < truth.counts.size(); ++image) {
    const std::size_t first = image * static_cast<std::size_t>(truth.max_boxes);
    const auto rows = static_cast<std::size_t>(truth.counts[image]);
    std::vector<float> similarities;
    std::vector<std::uint8_t> valid;
    for (std::size_t r = 0; r < rows; ++r) {
      valid.push_back(truth.weights[first + r] > 0);
      for (const boxf& a : anchors) similarities.push_back(similarity.compare(truth.boxes[first + r], a));
    }
    const int columns = static_cast<int>(anchors.size());
    odt::match(matcher, {similarities.data(), static_cast<int>(rows), columns, columns}, valid,
               std::span(out.match).subspan(image * anchors.size(), anchors.size()));
    for (std::size_t a = 0; a < anchors.size(); ++a) {
      const std::size_t at = image * anchors.size() + a;
      const int match = out.match[at];
      const std::size_t row = first + static_cast<std::size_t>(std::max(match, 0));
      out.classes[at] = match < 0 ? 0 : truth.classes[row] + 1;
      out.regression_weights[at] = match < 0 ? 0 : truth.weights[row];
      out.class_weights[at] = match >= 0 ? truth.weights[row] : match == odt::unmatched ? negative_class_weight : 0;
      for (std::size_t k = 0; k < Coder::code_size; ++k)
        out.regression[at * Coder::code_size + k] = match < 0 ? 0 : coder.encode(truth.boxes[row], anchors[a])[k];
    }
  }
  return out;
}

truth_storage random_truth(std::size_t images, int capacity, std::uint64_t seed) {
  odt::random_stream random(seed);
  truth_storage truth(images, capacity);
  for (std::size_t image = 0; image < images; ++image)
    for (std::int64_t n = random.integer(0, capacity + 1); n > 0; --n) {
      const float y = random.uniform(0, .9f), x = random.uniform(0, .9f);
      truth.add(image, {y, x, y + random.uniform(.02f, 1 - y), x + random.uniform(.02f, 1 - x)},
                static_cast<int>(random.integer(0, 9)), random.uniform() < .2f ? 0.f : random.uniform());
    }
  return truth;
}

const std::vector<boxf>& anchors1917() {
  static const std::vector<boxf> anchors = odt::ssd_anchor_generator{}.generate(
      std::vector<odt::size2>{{19, 19}, {10, 10}, {5, 5}, {3, 3}, {2, 2}, {1, 1}}, {300, 300});
  return anchors;
}

template <class S, class M, class C>
struct parts {
  using similarity = S;
  using matcher = M;
  using coder = C;
};

using products =
    boost::mpl::list<parts<odt::iou_similarity, odt::argmax_matcher, odt::faster_rcnn_box_coder>,
                     parts<odt::ioa_similarity, odt::argmax_matcher, odt::square_box_coder>,
                     parts<odt::thresholded_iou_similarity, odt::argmax_matcher, odt::mean_stddev_box_coder>,
                     parts<odt::neg_sq_dist_similarity, odt::bipartite_matcher, odt::mean_stddev_box_coder>,
                     parts<odt::iou_similarity, odt::bipartite_matcher, odt::faster_rcnn_box_coder>>;

template <class M>
std::vector<M> variants() {
  if constexpr (std::is_same_v<M, odt::argmax_matcher>)
    return {{},
            {{.force_match_for_each_row = true}},
            {{.matched_threshold = .7f, .unmatched_threshold = .3f, .force_match_for_each_row = true}},
            {{.unmatched_threshold = .1f, .negatives_lower_than_unmatched = false}},
            {{.ignore_thresholds = true}}};
  else
    return {{}};
}

/// The text of a golden case's matcher.
odt::argmax_matcher::options parse(const std::string& text) {
  odt::argmax_matcher::options o;
  o.fields(o, [&text](std::string_view name, auto& member) {
    const std::size_t at = text.find(" " + std::string(name) + ": ");
    if (at == std::string::npos) return;
    const std::string value = text.substr(at + name.size() + 3);
    if constexpr (std::is_same_v<std::remove_reference_t<decltype(member)>, bool>)
      member = value.starts_with("true");
    else
      member = std::stof(value);
  });
  return o;
}

/// Columns of one-hot labels to 0-based classes (the column of `background` is not a class); no labels: all 0.
void add_image(truth_storage& truth, std::size_t image, const odt::test::array& boxes, const odt::test::array& labels,
               const std::vector<float>& weights, bool with_background) {
  const std::size_t count = boxes.size() / 4, columns = count ? labels.size() / count : 0;
  for (std::size_t i = 0; i < count; ++i) {
    int label = 0;
    for (std::size_t c = 0; c < columns; ++c)
      if (labels[i * columns + c] > 0) label = static_cast<int>(c) - (with_background ? 1 : 0);
    truth.add(image, odt::test::box_at(boxes, i), label, weights.empty() ? 1.f : weights[i]);
  }
}

/// Compares with the case's tensors; class targets are one-hot there.
void check_targets(const target_storage& out, const odt::test::golden_case& c, bool background_is_a_column) {
  odt::test::check_close(out.match, c.out("match"), c, "match");
  odt::test::check_close(out.regression, c.out("reg_targets"), c, "reg_targets");
  odt::test::check_close(out.regression_weights, c.out("reg_weights"), c, "reg_weights");
  const auto targets = c.out("cls_targets"), weights = c.out("cls_weights");
  const std::size_t width = targets.size() / out.classes.size(), per_anchor = weights.size() / out.classes.size();
  std::vector<float> one_hot(targets.size()), spread;
  for (std::size_t a = 0; a < out.classes.size(); ++a) {
    const auto k = static_cast<std::size_t>(out.classes[a]);
    if (width == 1)
      one_hot[a] = k > 0;
    else if (k > 0 || background_is_a_column)
      one_hot[a * width + k] = 1;
    spread.insert(spread.end(), per_anchor, out.class_weights[a]);
  }
  odt::test::check_close(one_hot, targets, c, "cls_targets");
  odt::test::check_close(spread, weights, c, "cls_weights");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(assign_tests)

BOOST_AUTO_TEST_CASE_TEMPLATE(vectors_give_the_bits_of_the_contracts, product, products) {
  const typename product::similarity similarity;
  const typename product::coder coder;
  for (const auto& matcher : variants<typename product::matcher>())
    for (const std::size_t count : {1u, 7u, 64u, 1917u}) {
      const std::vector<boxf> anchors(anchors1917().end() - static_cast<std::ptrdiff_t>(count), anchors1917().end());
      const truth_storage truth = random_truth(3, 9, count);
      const auto expected = plainly(similarity, matcher, coder, anchors, truth, .3f);
      BOOST_TEST((assigned(similarity, matcher, coder, anchors, truth, .3f) == expected));
      BOOST_TEST((assigned(similarity, matcher, coder, anchors, truth, .3f, 3) == expected));
    }
}

BOOST_AUTO_TEST_CASE(no_boxes_make_all_anchors_background) {
  const truth_storage truth(2, 4);
  const auto out = assigned(odt::iou_similarity{}, odt::argmax_matcher{{.ignore_thresholds = true}},
                            odt::faster_rcnn_box_coder{}, anchors1917(), truth, .5f);
  BOOST_TEST(std::ranges::count(out.match, odt::unmatched) == 2 * 1917);
  BOOST_TEST(std::ranges::count(out.classes, 0) == 2 * 1917);
  BOOST_TEST(std::ranges::count(out.class_weights, .5f) == 2 * 1917);
  BOOST_TEST(std::ranges::count(out.regression_weights, 0.f) == 2 * 1917);
  BOOST_TEST(std::ranges::count(out.regression, 0.f) == 2 * 1917 * 4);
}

BOOST_AUTO_TEST_CASE(a_box_of_weight_zero_is_matched_but_counts_nothing) {
  truth_storage truth(1, 4);
  const boxf last = anchors1917().back();
  truth.add(0, last, 3, 0);
  const auto out =
      assigned(odt::iou_similarity{}, odt::argmax_matcher{}, odt::faster_rcnn_box_coder{}, anchors1917(), truth, 1);
  BOOST_TEST(out.match.back() == 0);
  BOOST_TEST(out.classes.back() == 4);
  BOOST_TEST(out.class_weights.back() == 0);
  BOOST_TEST(out.regression_weights.back() == 0);
}

BOOST_AUTO_TEST_CASE(targets_are_the_api_s, *odt::test::needs(odt::test::golden() / "units/target_assigner/ssd")) {
  for (const auto& c : odt::test::golden_cases("target_assigner/ssd")) {
    const auto boxes = c.in("groundtruth_boxes");
    const auto labels = c.has_in("groundtruth_labels") ? c.in("groundtruth_labels") : odt::test::array{};
    const auto weights =
        c.has_in("groundtruth_weights") ? c.in("groundtruth_weights").as<float>() : std::vector<float>{};
    truth_storage truth(1, static_cast<int>(boxes.size() / 4) + 1);
    add_image(truth, 0, boxes, labels, weights, labels.size() > 0);
    const bool background = c.has_in("unmatched_class_label") && c.in("unmatched_class_label")[0] > 0;
    const odt::argmax_matcher matcher{parse(c.params().at("matcher").get<std::string>())};
    BOOST_TEST(c.params().at("similarity").get<std::string>() == "iou");
    const auto out =
        assigned(odt::iou_similarity{}, matcher, odt::faster_rcnn_box_coder{}, odt::test::to_boxes(c.in("anchors")),
                 truth, c.params().at("negative_class_weight").get<float>());
    check_targets(out, c, background);
  }
}

BOOST_AUTO_TEST_CASE(batches_are_the_api_s, *odt::test::needs(odt::test::golden() / "units/target_assigner/batch")) {
  for (const auto& c : odt::test::golden_cases("target_assigner/batch")) {
    if (!c.has_in("groundtruth_labels")) continue;  // batch_assign_confidences: use_confidences_as_targets
    const auto& inputs = c.content["inputs"];
    const std::size_t images = inputs["groundtruth_boxes"].size();
    truth_storage truth(images, 8);
    for (std::size_t i = 0; i < images; ++i)
      add_image(truth, i, c.to_array(inputs["groundtruth_boxes"][i]), c.to_array(inputs["groundtruth_labels"][i]),
                c.to_array(inputs["groundtruth_weights"][i]).as<float>(), true);
    const odt::argmax_matcher matcher{parse(c.params().at("matcher").get<std::string>())};
    const auto out =
        assigned(odt::iou_similarity{}, matcher, odt::faster_rcnn_box_coder{}, odt::test::to_boxes(c.in("anchors")),
                 truth, c.params().at("negative_class_weight").get<float>(), 2);
    check_targets(out, c, true);
  }
}

BOOST_AUTO_TEST_CASE(both_stages_of_faster_rcnn_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/target_assigner/faster_rcnn")) {
  for (const auto& c : odt::test::golden_cases("target_assigner/faster_rcnn")) {
    const bool proposal = c.params().at("stage") == "proposal", fast = c.params().at("reference") == "FastRCNN";
    odt::argmax_matcher::options o;
    if (proposal) o.matched_threshold = .7f, o.unmatched_threshold = .3f, o.force_match_for_each_row = true;
    if (fast) o.unmatched_threshold = .1f, o.negatives_lower_than_unmatched = false;
    const auto boxes = c.in("groundtruth_boxes"), labels = c.in("groundtruth_labels");
    truth_storage truth(1, static_cast<int>(boxes.size() / 4));
    const auto weights =
        c.has_in("groundtruth_weights") ? c.in("groundtruth_weights").as<float>() : std::vector<float>{};
    add_image(truth, 0, boxes, labels, weights, !proposal);
    const odt::faster_rcnn_box_coder plain{{.y_scale = 1, .x_scale = 1, .height_scale = 1, .width_scale = 1}};
    const auto out =
        assigned(odt::iou_similarity{}, odt::argmax_matcher{o}, fast ? plain : odt::faster_rcnn_box_coder{},
                 odt::test::to_boxes(c.in("anchors")), truth, 1);
    check_targets(out, c, true);
  }
}

BOOST_AUTO_TEST_CASE(multibox_is_the_api_s, *odt::test::needs(odt::test::golden() / "units/target_assigner/multibox")) {
  for (const auto& c : odt::test::golden_cases("target_assigner/multibox")) {
    truth_storage truth(1, 8);
    add_image(truth, 0, c.in("groundtruth_boxes"), {}, {}, false);
    const auto out = assigned(odt::neg_sq_dist_similarity{}, odt::bipartite_matcher{}, odt::mean_stddev_box_coder{},
                              odt::test::to_boxes(c.in("anchors")), truth, 1);
    check_targets(out, c, true);
  }
}

BOOST_AUTO_TEST_SUITE_END()
