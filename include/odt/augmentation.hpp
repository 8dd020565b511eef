// SPDX-License-Identifier: MIT
// An augmentation changes an image and its boxes at random. It works on a `sketch`: the size and the ground truth of an
// image, but no pixels. What is to happen to the pixels becomes a recipe (core/recipe.hpp), which is followed later, so
// that drawing may take any turn and pixels are touched once.
//
// Required of an augmentation A, besides its name and options:
//   void draw(sketch& photo, random_stream& random) const;
// Law: what it draws depends on its options, the sketch and the stream alone.
// Augmentations: augmentations/*.hpp; all of them, by name: augmentations/catalogue.hpp.
#pragma once

#include <odt/core/any_of.hpp>
#include <odt/core/batch.hpp>
#include <odt/core/crop.hpp>
#include <odt/core/picture.hpp>
#include <odt/core/random.hpp>
#include <odt/core/recipe.hpp>
#include <odt/core/settings.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt {

/// A share of an image's sides.
struct size2_ratio {
  float height = 1, width = 1;

  size2 of(size2 size) const {
    return {static_cast<int>(static_cast<float>(size.height) * height),
            static_cast<int>(static_cast<float>(size.width) * width)};
  }
};

/// A random crop; shared by all augmentations that crop.
struct crop_options {
  float min_object_covered = 1.0f;  ///< share of at least one box that has to be seen
  float min_aspect_ratio = 0.75f;   ///< width / height
  float max_aspect_ratio = 1.33f;
  float min_area = 0.1f;  ///< share of the image
  float max_area = 1.0f;
  float overlap_thresh = 0.3f;  ///< boxes of which a smaller share is seen are dropped
  bool clip_boxes = true;
  float random_coef = 0.0f;  ///< chance to leave the image whole

  static constexpr void fields(auto& o, auto&& field) {
    field("min_object_covered", o.min_object_covered);
    field("min_aspect_ratio", o.min_aspect_ratio);
    field("max_aspect_ratio", o.max_aspect_ratio);
    field("min_area", o.min_area);
    field("max_area", o.max_area);
    field("overlap_thresh", o.overlap_thresh);
    field("clip_boxes", o.clip_boxes);
    field("random_coef", o.random_coef);
  }
};

/// A rule of the SSD paper: one object is seen to at least that share, and so is every box that is kept.
constexpr crop_options ssd_crop_options(float share) { return {share, 0.5f, 2.0f, 0.1f, 1.0f, share, true, 0.15f}; }

/// Refuses ranges that no window can fulfil.
void check(const crop_options& o);

/// The options of one rule in a list of them, checked.
crop_options read_crop_options(const settings& rule);

/// An image being augmented, without its pixels. Each call changes size and ground truth at once and adds to the
/// recipe. Masks are pixels: those of boxes that are dropped go, the others stay the record's until they are moved by
/// the recipe (core/mask_map.hpp).
class sketch {
 public:
  sketch(labels& truth, size2 size, recipe& steps) : truth_(truth), size_(size), steps_(steps) {}

  size2 size() const { return size_; }
  const labels& truth() const { return truth_; }
  labels& truth() { return truth_; }

  void flip_horizontally();
  void flip_vertically();

  /// Keeps the window, and the boxes of which at least the share `overlap_threshold` lies in it.
  void crop(const pixel_window& window, float overlap_threshold, bool clip_boxes);

  /// Crops to a window sampled by the options (see sample_window), or does nothing, at their chance.
  void crop_randomly(const crop_options& options, random_stream& random);

  /// Places the image at (top, left) of a larger canvas filled with the colour, or with the image's mean.
  void pad(size2 canvas, int top, int left, const std::optional<rgb>& color);

  /// Pads to a size in [least, most) with the image anywhere on it, as random_pad_image does: no side shrinks, and
  /// where there is room the image never touches the bottom or right edge.
  void pad_randomly(size2 least, size2 most, const std::optional<rgb>& color, random_stream& random);

  void brightness(float delta) { add(pixel_op::kind::brightness, delta); }
  void contrast(float factor) { add(pixel_op::kind::contrast, factor); }
  void saturation(float factor) { add(pixel_op::kind::saturation, factor); }
  void hue(float turns) { add(pixel_op::kind::hue, turns); }
  void gray() { add(pixel_op::kind::gray, 0); }

 private:
  void add(pixel_op::kind what, float amount);

  labels& truth_;
  size2 size_;
  recipe& steps_;
};

template <class A>
concept augmentation =
    policy<A> && requires(const A& a, sketch& photo, random_stream& random) { a.draw(photo, random); };

/// The augmentations of a training, in order: a value made at run time from pipeline.config or in code.
class augmentation_chain {
 public:
  augmentation_chain() = default;

  template <augmentation A>
  void push_back(A policy) {
    steps_.push_back(std::make_shared<model<A>>(std::move(policy)));
  }

  std::size_t size() const { return steps_.size(); }
  bool empty() const { return steps_.empty(); }
  std::string_view name(std::size_t i) const { return steps_[i]->name(); }
  /// Whether images may become of another size: one of them says `changes_size`.
  bool changes_size() const {
    return std::ranges::any_of(steps_, [](const auto& s) { return s->changes_size(); });
  }

  /// Draws for sample `sample` of the run `seed`: changes the ground truth, returns the new size, and appends to the
  /// recipe. The i-th augmentation has a stream of its own.
  size2 draw(labels& truth, size2 size, std::uint64_t seed, std::uint64_t sample, recipe& steps) const;

 private:
  struct step {
    virtual ~step() = default;
    virtual std::string_view name() const = 0;
    virtual bool changes_size() const = 0;
    virtual void draw(sketch& photo, random_stream& random) const = 0;
  };
  template <class A>
  struct model final : step {
    explicit model(A p) : policy(std::move(p)) {}
    std::string_view name() const override { return A::name; }
    bool changes_size() const override {
      if constexpr (requires { A::changes_size; })
        return A::changes_size;
      else
        return false;
    }
    void draw(sketch& photo, random_stream& random) const override { policy.draw(photo, random); }
    A policy;
  };

  std::vector<std::shared_ptr<const step>> steps_;
};

/// How pipeline.config's name of an augmentation becomes a part of a chain.
struct augmentation_kind {
  std::string_view name;
  void (*append)(augmentation_chain& chain, const settings& message);

  template <augmentation A>
  static augmentation_kind of() {
    return {A::name, [](augmentation_chain& chain, const settings& message) {
              chain.push_back(detail::make_policy<A>(message));
            }};
  }
};

/// The chain of `train_config.data_augmentation_options`; an augmentation that `kinds` lacks is refused by its path.
augmentation_chain augmentation_chain_from(const settings& list, const std::vector<augmentation_kind>& kinds);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/augmentation.ipp>
#endif
