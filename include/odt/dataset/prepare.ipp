// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/prepare.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/sha256.hpp>
#include <odt/io/unicode.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace odt {

namespace detail::prepare {

ODT_INLINE std::string show(size2 s) { return str(s.width, "x", s.height); }

ODT_INLINE std::string show(const pixel_box& b) {
  return str("xmin ", b.xmin, ", ymin ", b.ymin, ", xmax ", b.xmax, ", ymax ", b.ymax);
}

/// How the labels' coordinates become those of the upright picture.
struct frame {
  size2 labelled;       ///< of the picture as it was labelled
  int orientation = 1;  ///< in which it was labelled: turn the boxes
};

ODT_INLINE bool same_shape(size2 a, size2 b) {
  const double expected = static_cast<double>(b.height) * a.width / b.width;
  return std::abs(expected - a.height) <= 1 + 1e-9;
}

/// Whether the labels were made on the picture as it is stored; reports where their size does not tell.
ODT_INLINE bool labelled_as_stored(const annotation& source, const std::string& picture, const image_info& info,
                                   size2 upright, labels_of_turned turned, std::vector<conversion_problem>& problems) {
  if (info.orientation <= 1) return false;
  const bool exact = source.size == upright || source.size == info.size();
  const auto fits = [&](size2 size) { return exact ? source.size == size : same_shape(source.size, size); };
  if (source.size != size2{} && fits(upright) != fits(info.size())) return fits(info.size());
  const bool stored = turned == labels_of_turned::stored;
  problems.push_back({conversion_problem::guessed,
                      str(source.path, ": ", picture, " has EXIF orientation ", info.orientation,
                          "; its size does not tell whether it was labelled upright or as it is stored; taken as ",
                          stored ? "stored (upright: --exif upright)" : "upright (as stored: --exif stored)")});
  return stored;
}

/// What the size in the labels says about them; throws when it contradicts the picture.
ODT_INLINE frame frame_of(const annotation& source, const std::string& picture, const image_info& info, size2 upright,
                          labels_of_turned turned, std::vector<conversion_problem>& problems) {
  const bool stored = labelled_as_stored(source, picture, info, upright, turned, problems);
  const int orientation = stored ? info.orientation : 1;
  const size2 size = stored ? info.size() : upright;
  if (source.normalized) return {{1, 1}, orientation};
  if (source.size == size2{}) {
    problems.push_back(
        {conversion_problem::repaired, str(source.path, ": no <size> with positive <width> and <height> for ",
                                           source.filename, "; that of the picture was taken: ", show(size))});
    return {size, orientation};
  }
  if (source.size == size) return {size, orientation};
  if (!same_shape(source.size, size))
    fail(source.path, ": the labels are for a picture of ", show(source.size), " pixels, but ", picture, " has ",
         show(upright), "; label it anew, or put the right picture there");
  problems.push_back({conversion_problem::repaired,
                      str(source.path, ": the labels are for a picture of ", show(source.size), " pixels, but ",
                          picture, " has ", show(size), ", the same shape; the boxes were scaled")});
  return {source.size, orientation};
}

ODT_INLINE bool within_unit_square(const pixel_box& b) {
  return std::ranges::all_of(std::array{b.xmin, b.ymin, b.xmax, b.ymax}, [](double v) { return v >= 0 && v <= 1; });
}

/// Why a box cannot be used; empty when it can.
ODT_INLINE std::string_view uselessness(const pixel_box& b, size2 size) {
  if (b.xmax < b.xmin || b.ymax < b.ymin) return "is inverted";
  if (b.xmax == b.xmin || b.ymax == b.ymin) return "is empty";
  if (b.xmin >= size.width || b.ymin >= size.height || b.xmax <= 0 || b.ymax <= 0) return "lies outside the picture";
  return {};
}

ODT_INLINE size2 turned_size(size2 stored, int orientation) {
  return orientation > 4 ? size2{stored.width, stored.height} : stored;
}

ODT_INLINE pixel_box in_upright(const pixel_box& bounds, const frame& f, size2 upright) {
  const pixel_box b = turn_upright(bounds, f.orientation, f.labelled);
  const size2 turned = turned_size(f.labelled, f.orientation);
  const double scale_x = static_cast<double>(upright.width) / turned.width,
               scale_y = static_cast<double>(upright.height) / turned.height;
  return {b.xmin * scale_x, b.ymin * scale_y, b.xmax * scale_x, b.ymax * scale_y};
}

/// The box in the upright picture; throws when it cannot be used.
ODT_INLINE pixel_box usable_box(const annotated_object& object, const frame& f, bool normalized, size2 upright,
                                std::vector<conversion_problem>& problems) {
  const pixel_box b = in_upright(object.bounds, f, upright);
  const std::string units = normalized ? str("shares of ", show(upright), " pixels") : show(upright) + " pixels";
  if (const std::string_view why = uselessness(b, upright); !why.empty())
    fail(object.place, ": the box of \"", object.name, "\" ", why, ": ", show(object.bounds), " in ", units,
         "; xmin < xmax and ymin < ymax within the picture are needed");
  if (!normalized && within_unit_square(object.bounds))
    fail(object.place, ": the box of \"", object.name, "\" lies between 0 and 1: ", show(object.bounds), " in ", units,
         "; pixels are needed, or --normalized, which takes all boxes as shares of the picture");
  const pixel_box inside{std::max(b.xmin, 0.), std::max(b.ymin, 0.), std::min<double>(b.xmax, upright.width),
                         std::min<double>(b.ymax, upright.height)};
  if (!(inside == b))
    problems.push_back({conversion_problem::repaired,
                        str(object.place, ": the box of \"", object.name,
                            "\" reaches beyond the picture: ", show(object.bounds), " in ", units, "; clipped")});
  return inside;
}

ODT_INLINE labelled_object to_labelled(const annotated_object& object, const pixel_box& b, size2 size, int id) {
  const auto part = [](double position, int length) { return static_cast<float>(position / length); };
  labelled_object out;
  out.bounds = {part(b.ymin, size.height), part(b.xmin, size.width), part(b.ymax, size.height),
                part(b.xmax, size.width)};
  out.label = id;
  out.text = object.name;
  out.area = object.area;
  out.crowd = object.crowd;
  out.difficult = object.difficult;
  out.truncated = object.truncated;
  out.view = object.pose;
  return out;
}

/// The object's mask in the upright picture; throws where it is not as large.
ODT_INLINE image upright_mask(const annotated_object& object, const frame& f, size2 upright) {
  image mask = object.mask(f.labelled);
  if (f.orientation > 1) mask = apply_orientation(mask, f.orientation);
  if (mask.size() != upright)
    fail(object.place, ": the mask of \"", object.name, "\" has ", show(mask.size()), " pixels, the picture ",
         show(upright), "; they have to be the same");
  return mask;
}

/// From a mask's first to its last row and column, as the API's converter of pets makes a box of them; throws where
/// that is none.
ODT_INLINE pixel_box extent(const image& mask, const annotated_object& object) {
  int top = mask.height, left = mask.width, bottom = -1, right = -1;
  for (int y = 0; y < mask.height; ++y)
    for (int x = 0; x < mask.width; ++x)
      if (*mask.at(y, x)) {
        top = std::min(top, y), bottom = std::max(bottom, y);
        left = std::min(left, x), right = std::max(right, x);
      }
  if (bottom <= top || right <= left)
    fail(object.place, ": the mask of \"", object.name, "\" covers ", std::max(0, right - left + 1), "x",
         std::max(0, bottom - top + 1), " pixels; its box needs at least 2x2");
  return {static_cast<double>(left), static_cast<double>(top), static_cast<double>(right), static_cast<double>(bottom)};
}

ODT_INLINE int id_of(const annotated_object& object, const label_map& classes) {
  if (const auto id = classes.id(object.name)) return *id;
  std::vector<std::string> names;
  for (const label_map_item& item : classes.items()) names.push_back(item.name);
  if (names.size() > 12) names.resize(12), names.push_back("...");
  std::string alike;
  for (const label_map_item& item : classes.items())
    if (folded_text(item.name) == folded_text(object.name))
      alike = str("; \"", item.name, "\" differs in ", folded_difference(object.name, item.name));
  fail(object.place, ": class \"", object.name, "\" is not in the label map; it has ", join(names, ", "), alike);
}

/// The object in the upright picture; throws when it cannot be used.
ODT_INLINE labelled_object usable_object(const annotated_object& object, const frame& f, bool normalized, size2 upright,
                                         const label_map& classes, std::vector<conversion_problem>& problems) {
  image mask;
  if (object.mask) mask = upright_mask(object, f, upright);
  const pixel_box b =
      object.bounds_of_mask ? extent(mask, object) : usable_box(object, f, normalized, upright, problems);
  labelled_object out = to_labelled(object, b, upright, id_of(object, classes));
  out.mask = std::move(mask);
  return out;
}

/// The picture's part of the example: its bytes, upright.
ODT_INLINE void read_picture(const std::string& path, prepared_picture& out, image_info& info) {
  example& record = out.record.emplace();
  record.encoded = read_file(path);
  info = read_image_info(record.encoded, path);
  image decoded = decode_image(record.encoded, path);
  out.turned = info.orientation > 1;
  out.recoded = !fits_a_record(info.format);
  const bool with_losses = info.format == image_format::jpeg || info.format == image_format::webp;
  if (out.turned) decoded = apply_orientation(decoded, info.orientation);
  if (out.turned || out.recoded) record.encoded = with_losses ? encode_jpeg(decoded) : encode_png(decoded);
  record.format = with_losses ? "jpeg" : "png";
  record.key = sha256(record.encoded);
  record.filename = record.source_id = last_part(path);
  record.height = decoded.height;
  record.width = decoded.width;
}

}  // namespace detail::prepare

ODT_INLINE pixel_box turn_upright(const pixel_box& b, int orientation, size2 stored) {
  const double w = stored.width, h = stored.height;
  switch (orientation) {
    case 2:
      return {w - b.xmax, b.ymin, w - b.xmin, b.ymax};
    case 3:
      return {w - b.xmax, h - b.ymax, w - b.xmin, h - b.ymin};
    case 4:
      return {b.xmin, h - b.ymax, b.xmax, h - b.ymin};
    case 5:
      return {b.ymin, b.xmin, b.ymax, b.xmax};
    case 6:
      return {h - b.ymax, b.xmin, h - b.ymin, b.xmax};
    case 7:
      return {h - b.ymax, w - b.xmax, h - b.ymin, w - b.xmin};
    case 8:
      return {b.ymin, w - b.xmax, b.ymax, w - b.xmin};
    default:
      return b;
  }
}

ODT_INLINE annotation upright_labels(annotation source, const std::string& picture_path, const image_info& info,
                                     labels_of_turned turned, std::vector<std::string>& guesses) {
  namespace d = detail::prepare;
  const size2 upright = d::turned_size(info.size(), info.orientation);
  std::vector<conversion_problem> problems;
  const d::frame frame = d::frame_of(source, picture_path, info, upright, turned, problems);
  for (annotated_object& object : source.objects) object.bounds = d::in_upright(object.bounds, frame, upright);
  source.size = upright;
  source.normalized = false;
  for (conversion_problem& problem : problems) guesses.push_back(std::move(problem.text));
  return source;
}

ODT_INLINE prepared_picture prepare_picture(const annotation& source, const std::string& picture_path,
                                            const label_map& classes, labels_of_turned turned) {
  namespace d = detail::prepare;
  prepared_picture out;
  for (const std::string& problem : source.problems)
    out.problems.push_back({conversion_problem::box_left_out, problem});
  for (const std::string& what : source.unread) out.problems.push_back({conversion_problem::not_read, what});
  try {
    image_info info;
    d::read_picture(picture_path, out, info);
    if (!source.source_id.empty()) out.record->source_id = source.source_id;
    const size2 upright{out.record->height, out.record->width};
    const d::frame frame = d::frame_of(source, picture_path, info, upright, turned, out.problems);
    for (const annotated_object& object : source.objects) {
      try {
        out.record->objects.push_back(
            d::usable_object(object, frame, source.normalized, upright, classes, out.problems));
      } catch (const error& e) {
        out.problems.push_back({conversion_problem::box_left_out, e.what()});
      }
    }
    if (const std::size_t said = source.objects.size() + source.problems.size(); said && out.record->objects.empty())
      fail(source.path, ": none of the ", said, " objects of ", out.record->filename,
           " can be used; without them it would teach that there is nothing");
  } catch (const error& e) {
    out.record.reset();
    out.problems.push_back({conversion_problem::picture_left_out, e.what()});
  }
  return out;
}

}  // namespace odt
