// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/example.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/sha256.hpp>

#include <odt/example.pb.h>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace odt {

namespace detail::tf_example {

ODT_INLINE std::string_view kind_name(proto::Feature::KindCase kind) {
  switch (kind) {
    case proto::Feature::kBytesList:
      return "bytes_list";
    case proto::Feature::kFloatList:
      return "float_list";
    case proto::Feature::kInt64List:
      return "int64_list";
    default:
      return "nothing";
  }
}

/// The features of one record by key; a missing key is an empty list.
class feature_reader {
 public:
  feature_reader(proto::Example& message, std::string_view place)
      : features_(*message.mutable_features()->mutable_feature()), place_(place) {}

  auto* bytes(const std::string& key) {
    proto::Feature* const feature = find(key, proto::Feature::kBytesList);
    return feature ? feature->mutable_bytes_list()->mutable_value() : &no_bytes_;
  }
  const auto& floats(const std::string& key) {
    const proto::Feature* const feature = find(key, proto::Feature::kFloatList);
    return feature ? feature->float_list().value() : no_floats_;
  }
  const auto& integers(const std::string& key) {
    const proto::Feature* const feature = find(key, proto::Feature::kInt64List);
    return feature ? feature->int64_list().value() : no_integers_;
  }

  /// Whether the key is there with values of another kind.
  bool has_other(const std::string& key, proto::Feature::KindCase kind) const {
    const auto at = features_.find(key);
    return at != features_.end() && at->second.kind_case() != proto::Feature::KIND_NOT_SET &&
           at->second.kind_case() != kind;
  }

  std::string text(const std::string& key) {
    auto* const values = bytes(key);
    return values->empty() ? std::string() : std::move(*values->Mutable(0));
  }

  int pixels(const std::string& key) {
    const auto& values = integers(key);
    if (values.empty()) return 0;
    if (values[0] < 0 || values[0] > std::numeric_limits<int>::max())
      fail(place_, ": ", key, " is ", values[0], "; a number of pixels is expected");
    return static_cast<int>(values[0]);
  }

 private:
  proto::Feature* find(const std::string& key, proto::Feature::KindCase kind) {
    const auto at = features_.find(key);
    if (at == features_.end() || at->second.kind_case() == proto::Feature::KIND_NOT_SET) return nullptr;
    if (at->second.kind_case() != kind)
      fail(place_, ": ", key, " is a ", kind_name(at->second.kind_case()), "; ", kind_name(kind), " is expected");
    return &at->second;
  }

  google::protobuf::Map<std::string, proto::Feature>& features_;
  std::string_view place_;
  google::protobuf::RepeatedPtrField<std::string> no_bytes_;
  google::protobuf::RepeatedField<float> no_floats_;
  google::protobuf::RepeatedField<std::int64_t> no_integers_;
};

ODT_INLINE void read_boxes(feature_reader& features, example& out, std::string_view place) {
  const auto& ymin = features.floats("image/object/bbox/ymin");
  const auto& xmin = features.floats("image/object/bbox/xmin");
  const auto& ymax = features.floats("image/object/bbox/ymax");
  const auto& xmax = features.floats("image/object/bbox/xmax");
  const int count = ymin.size();
  if (xmin.size() != count || ymax.size() != count || xmax.size() != count)
    fail(place, ": image/object/bbox/ has ", count, " ymin, ", xmin.size(), " xmin, ", ymax.size(), " ymax, ",
         xmax.size(), " xmax; each box needs all four");
  out.objects.resize(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    out.objects[static_cast<std::size_t>(i)].bounds = {ymin[i], xmin[i], ymax[i], xmax[i]};
}

/// Gives each object its value of one attribute; a list of another length is a problem.
template <class Values, class Set>
void spread(const Values& values, std::string_view key, example& out, Set&& set) {
  const auto count = static_cast<std::size_t>(values.size());
  if (count == 0) return;
  if (count != out.objects.size())
    out.problems.push_back(str(key, " has ", count, " values for ", out.objects.size(), " boxes"));
  for (std::size_t i = 0; i < std::min(count, out.objects.size()); ++i)
    set(out.objects[i], values[static_cast<int>(i)]);
}

ODT_INLINE void read_attributes(feature_reader& features, example& out) {
  using object = labelled_object;
  const auto integers = [&](const std::string& key, auto member) {
    spread(features.integers(key), key, out, [member](object& o, std::int64_t value) {
      o.*member = static_cast<std::remove_reference_t<decltype(o.*member)>>(value);
    });
  };
  const auto floats = [&](const std::string& key, float object::*member) {
    spread(features.floats(key), key, out, [member](object& o, float value) { o.*member = value; });
  };
  const auto texts = [&](const std::string& key, std::string object::*member) {
    spread(*features.bytes(key), key, out, [member](object& o, const std::string& value) { o.*member = value; });
  };
  integers("image/object/class/label", &object::label);
  texts("image/object/class/text", &object::text);
  floats("image/object/weight", &object::weight);
  floats("image/object/area", &object::area);
  integers("image/object/is_crowd", &object::crowd);
  integers("image/object/difficult", &object::difficult);
  integers("image/object/group_of", &object::group_of);
  integers("image/object/truncated", &object::truncated);
  texts("image/object/view", &object::view);
}

inline constexpr const char* mask_key = "image/object/mask";

ODT_INLINE void read_png_masks(feature_reader& features, example& out, std::string_view place) {
  const auto& files = *features.bytes(mask_key);
  if (static_cast<std::size_t>(files.size()) != out.objects.size())
    fail(place, ": ", mask_key, " has ", files.size(), " PNG files for ", out.objects.size(),
         " boxes; load_instance_masks wants a mask of each");
  for (int i = 0; i < files.size(); ++i)
    out.objects[static_cast<std::size_t>(i)].mask = mask_of_png(files[i], str(place, ": the mask of object ", i));
}

ODT_INLINE void read_numerical_masks(feature_reader& features, example& out, std::string_view place) {
  const auto& numbers = features.floats(mask_key);
  const std::size_t each = static_cast<std::size_t>(out.height) * static_cast<std::size_t>(out.width);
  const auto count = static_cast<std::size_t>(numbers.size());
  if (count != each * out.objects.size() || (each == 0 && !out.objects.empty()))
    fail(place, ": ", mask_key, " has ", count, " numbers; ", out.objects.size(), " masks as large as the image, of ",
         out.height, " x ", out.width, " pixels (image/height, image/width), have ", each * out.objects.size());
  const std::span<const float> values(numbers.data(), count);
  for (std::size_t i = 0; i < out.objects.size(); ++i)
    out.objects[i].mask = mask_of_numbers(values, i, {out.height, out.width});
}

ODT_INLINE void read_masks(feature_reader& features, mask_type type, example& out, std::string_view place) {
  const bool png = type == mask_type::png;
  if (features.has_other(mask_key, png ? proto::Feature::kBytesList : proto::Feature::kFloatList))
    fail(place, ": ", mask_key, " holds ", png ? "numbers, not PNG files" : "no numbers",
         "; the reader's mask_type is ", config_name(type), ", write ",
         config_name(png ? mask_type::numerical : mask_type::png));
  return png ? read_png_masks(features, out, place) : read_numerical_masks(features, out, place);
}

/// Walks through the wire format of an example, piece by piece, and keeps what is no picture.
class picture_filter {
 public:
  picture_filter(std::uint64_t size, const byte_source& read) : size_(size), read_(read) {}

  /// The serialized features without pictures; nothing where the bytes are not laid out as writers do, with one message
  /// of features and each feature's key before its value.
  std::optional<std::string> run() {
    if (size_ == 0 || message_end(0) != size_) return {};
    std::string kept;
    for (std::uint64_t at = begin_; at < size_;) {
      const auto end = message_end(at);
      if (!end) return {};
      const auto key_end = message_end(begin_);
      if (!key_end || *key_end > *end) return {};
      if (!is_picture(begin_, *key_end)) kept += bytes(at, *end);
      at = *end;
    }
    return kept;
  }

 private:
  /// Of the message with field number 1 at that byte: where it ends, and in `begin_` where its content begins.
  std::optional<std::uint64_t> message_end(std::uint64_t at) {
    constexpr std::uint64_t tag_and_length = 11;
    const std::string head = bytes(at, std::min(size_, at + tag_and_length));
    if (head.empty() || head[0] != '\x0A') return {};
    std::uint64_t length = 0;
    for (std::size_t i = 1; i < head.size(); ++i) {
      const auto byte = static_cast<unsigned char>(head[i]);
      length |= std::uint64_t{byte & 0x7Fu} << (7 * (i - 1));
      if (byte & 0x80u) continue;
      begin_ = at + i + 1;
      if (length > size_ - begin_) return {};
      return begin_ + length;
    }
    return {};
  }

  bool is_picture(std::uint64_t begin, std::uint64_t end) {
    constexpr std::uint64_t longest = 32;
    if (end - begin > longest) return false;
    const std::string key = bytes(begin, end);
    return key == "image/encoded" || key == mask_key;
  }

  /// From the window that was read last where they lie in it.
  std::string bytes(std::uint64_t begin, std::uint64_t end) {
    if (begin < window_at_ || end > window_at_ + window_.size()) {
      constexpr std::uint64_t ahead = 2048;
      window_at_ = begin;
      window_.resize(std::max(end - begin, std::min(ahead, size_ - begin)));
      read_(begin, window_);
    }
    return window_.substr(begin - window_at_, end - begin);
  }

  std::uint64_t size_;
  const byte_source& read_;
  std::string window_;
  std::uint64_t window_at_ = 0, begin_ = 0;
};

class feature_writer {
 public:
  explicit feature_writer(proto::Example& message) : features_(*message.mutable_features()->mutable_feature()) {}

  void text(const std::string& key, std::string_view value) {
    features_[key].mutable_bytes_list()->add_value(value.data(), value.size());
  }
  void integer(const std::string& key, std::int64_t value) { features_[key].mutable_int64_list()->add_value(value); }
  void real(const std::string& key, float value) { features_[key].mutable_float_list()->add_value(value); }
  void reals(const std::string& key, std::span<const std::uint8_t> values) {
    auto& list = *features_[key].mutable_float_list()->mutable_value();
    for (const std::uint8_t value : values) list.Add(value);
  }
  void no_reals(const std::string& key) { features_[key].mutable_float_list(); }

 private:
  google::protobuf::Map<std::string, proto::Feature>& features_;
};

/// Writes an attribute of all objects unless each has its default.
template <class Member, class Put>
void gather(const example& source, Member member, Put&& put) {
  const labelled_object plain;
  if (std::ranges::all_of(source.objects, [&](const auto& o) { return o.*member == plain.*member; })) return;
  for (const labelled_object& object : source.objects) put(object.*member);
}

ODT_INLINE void write_masks(const example& source, mask_type type, feature_writer& out) {
  const auto has_mask = [](const labelled_object& object) { return !object.mask.pixels.empty(); };
  if (std::ranges::none_of(source.objects, has_mask)) return;
  for (std::size_t i = 0; i < source.objects.size(); ++i) {
    const image& mask = source.objects[i].mask;
    if (mask.channels != 1 || mask.size() != size2{source.height, source.width})
      fail(source.name("example"), ": the mask of object ", i, " has ", mask.height, " x ", mask.width, " x ",
           mask.channels, " pixels; one of ", source.height, " x ", source.width, " x 1 is expected");
    if (type == mask_type::png)
      out.text(mask_key, encode_png(mask));
    else
      out.reals(mask_key, mask.pixels);
  }
}

ODT_INLINE void write_objects(const example& source, feature_writer& out) {
  for (const char* side : {"ymin", "xmin", "ymax", "xmax"}) out.no_reals(str("image/object/bbox/", side));
  for (const labelled_object& object : source.objects) {
    out.real("image/object/bbox/ymin", object.bounds.ymin);
    out.real("image/object/bbox/xmin", object.bounds.xmin);
    out.real("image/object/bbox/ymax", object.bounds.ymax);
    out.real("image/object/bbox/xmax", object.bounds.xmax);
  }
  const auto integers = [&](const char* key) { return [&out, key](std::int64_t value) { out.integer(key, value); }; };
  const auto reals = [&](const char* key) { return [&out, key](float value) { out.real(key, value); }; };
  const auto texts = [&](const char* key) { return [&out, key](const std::string& value) { out.text(key, value); }; };
  gather(source, &labelled_object::label, integers("image/object/class/label"));
  gather(source, &labelled_object::text, texts("image/object/class/text"));
  gather(source, &labelled_object::weight, reals("image/object/weight"));
  gather(source, &labelled_object::area, reals("image/object/area"));
  gather(source, &labelled_object::crowd, integers("image/object/is_crowd"));
  gather(source, &labelled_object::difficult, integers("image/object/difficult"));
  gather(source, &labelled_object::group_of, integers("image/object/group_of"));
  gather(source, &labelled_object::truncated, integers("image/object/truncated"));
  gather(source, &labelled_object::view, texts("image/object/view"));
}

/// The 0-based class of an object, or what is wrong with it.
ODT_INLINE std::pair<int, std::string> class_of(const labelled_object& object, const label_map& classes) {
  if (!object.text.empty() && !classes.empty()) {
    if (const auto id = classes.id(object.text)) return {*id - 1, ""};
    return {-1, str("the class \"", object.text, "\" is not in the label map")};
  }
  if (object.label == 0) return {-1, "has no class (neither a text of the label map nor a label)"};
  if (object.label < 1 || object.label > std::numeric_limits<int>::max())
    return {-1, str("the label ", object.label, " is out of range; labels start at 1")};
  const int id = static_cast<int>(object.label);
  if (!classes.empty() && !classes.has(id))
    return {-1, str("the label ", id, " is not in the label map, whose ids go up to ", classes.max_id())};
  return {id - 1, ""};
}

ODT_INLINE std::string show(const boxf& b) {
  return str("box (ymin ", b.ymin, ", xmin ", b.xmin, ", ymax ", b.ymax, ", xmax ", b.xmax, ")");
}

/// What makes a box useless; empty when it can be used (perhaps clipped).
ODT_INLINE std::string_view useless(const boxf& b) {
  if (!std::isfinite(b.ymin) || !std::isfinite(b.xmin) || !std::isfinite(b.ymax) || !std::isfinite(b.xmax))
    return "is not finite; sides are numbers from 0 to 1";
  if (b.ymin > b.ymax || b.xmin > b.xmax) return "is inverted; ymin < ymax and xmin < xmax are expected";
  if (b.ymin == b.ymax || b.xmin == b.xmax) return "has no area; ymin < ymax and xmin < xmax are expected";
  if (b.ymax <= 0 || b.xmax <= 0 || b.ymin >= 1 || b.xmin >= 1)
    return "lies outside the image; sides are normalized, from 0 to 1";
  return "";
}

ODT_INLINE boxf clip(const boxf& b) {
  const auto into = [](float side) { return std::clamp(side, 0.0f, 1.0f); };
  return {into(b.ymin), into(b.xmin), into(b.ymax), into(b.xmax)};
}

ODT_INLINE void add_object(const labelled_object& object, int label, size2 size, labels& truth) {
  const boxf bounds = clip(object.bounds);
  truth.boxes.push_back(bounds);
  truth.classes.push_back(label);
  truth.weights.push_back(object.weight);
  const float area_of_box = area(bounds) * static_cast<float>(size.height) * static_cast<float>(size.width);
  truth.areas.push_back(object.area > 0 ? object.area : area_of_box);
  truth.crowd.push_back(object.crowd);
  truth.difficult.push_back(object.difficult);
  truth.group_of.push_back(object.group_of);
  if (!object.mask.pixels.empty()) truth.masks.push_back(object.mask);
}

ODT_INLINE example read(proto::Example& message, std::string_view place, std::optional<mask_type> masks) {
  feature_reader features(message, place);
  example out;
  out.encoded = features.text("image/encoded");
  out.format = features.text("image/format");
  out.filename = features.text("image/filename");
  out.source_id = features.text("image/source_id");
  out.key = features.text("image/key/sha256");
  out.height = features.pixels("image/height");
  out.width = features.pixels("image/width");
  read_boxes(features, out, place);
  read_attributes(features, out);
  if (masks) read_masks(features, *masks, out, place);
  return out;
}

}  // namespace detail::tf_example

ODT_INLINE std::string example::name(std::string_view otherwise) const {
  if (!source_id.empty()) return source_id;
  return filename.empty() ? std::string(otherwise) : filename;
}

ODT_INLINE example parse_example(std::string_view serialized, std::string_view place, std::optional<mask_type> masks) {
  proto::Example message;
  if (serialized.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !message.ParseFromArray(serialized.data(), static_cast<int>(serialized.size())))
    fail(place, ": ", serialized.size(), " bytes that are not a tf.Example");
  return detail::tf_example::read(message, place, masks);
}

ODT_INLINE void check_masks(const example& source, size2 picture, std::string_view place) {
  for (std::size_t i = 0; i < source.objects.size(); ++i) {
    const image& mask = source.objects[i].mask;
    if (!mask.pixels.empty() && mask.size() != picture)
      fail(place, ": the mask of object ", i, " has ", mask.height, " x ", mask.width, " pixels, the picture ",
           picture.height, " x ", picture.width, " (height x width); they have to be the same");
  }
}

ODT_INLINE example parse_example_labels(std::uint64_t size, const byte_source& read, std::string_view place) {
  const auto features = detail::tf_example::picture_filter(size, read).run();
  proto::Example message;
  if (features && message.mutable_features()->ParseFromString(*features))
    return detail::tf_example::read(message, place, std::nullopt);
  std::string whole(size, '\0');
  read(0, whole);
  example out = parse_example(whole, place);
  out.encoded.clear();
  return out;
}

ODT_INLINE std::string serialize_example(const example& source, mask_type masks) {
  proto::Example message;
  detail::tf_example::feature_writer out(message);
  out.text("image/encoded", source.encoded);
  out.text("image/format", source.format);
  out.text("image/filename", source.filename);
  out.text("image/source_id", source.source_id);
  out.text("image/key/sha256", source.key.empty() ? sha256(source.encoded) : source.key);
  out.integer("image/height", source.height);
  out.integer("image/width", source.width);
  detail::tf_example::write_objects(source, out);
  detail::tf_example::write_masks(source, masks, out);
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

ODT_INLINE checked_labels to_labels(const example& source, const label_map& classes, size2 size) {
  namespace d = detail::tf_example;
  checked_labels out;
  out.problems = source.problems;
  out.objects = source.objects.size();
  for (std::size_t i = 0; i < source.objects.size(); ++i) {
    const labelled_object& object = source.objects[i];
    const auto report = [&](const auto&... pieces) { out.problems.push_back(str("object ", i, ": ", pieces...)); };
    const auto [label, wrong_class] = d::class_of(object, classes);
    const std::string_view wrong_box = d::useless(object.bounds);
    if (!wrong_class.empty()) report(wrong_class);
    if (!wrong_box.empty()) report(d::show(object.bounds), " ", wrong_box);
    const bool wrong_weight = !(object.weight >= 0) || !std::isfinite(object.weight);
    if (wrong_weight) report("weight ", object.weight, "; at least 0 is expected");
    if (!wrong_class.empty() || !wrong_box.empty() || wrong_weight) continue;
    constexpr float slack = 1e-6f;
    const boxf& b = object.bounds;
    if (b.ymin < -slack || b.xmin < -slack || b.ymax > 1 + slack || b.xmax > 1 + slack)
      report(d::show(b), " reaches beyond the image; sides are normalized, from 0 to 1");
    d::add_object(object, label, size, out.truth);
  }
  return out;
}

ODT_INLINE std::string describe_useless(std::string_view place, const example& source, const checked_labels& checked) {
  constexpr std::ptrdiff_t shown = 3;
  const auto count = std::min<std::ptrdiff_t>(shown, std::ssize(checked.problems));
  const std::vector<std::string> first(checked.problems.begin(), checked.problems.begin() + count);
  return str(place, " (", source.name("no name"), "): ",
             checked.objects == 1 ? "its one object cannot be used: "
                                  : str("none of its ", checked.objects, " objects can be used: "),
             join(first, "; "), count < std::ssize(checked.problems) ? "; ..." : "");
}

}  // namespace odt
