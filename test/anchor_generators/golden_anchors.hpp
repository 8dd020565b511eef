// SPDX-License-Identifier: MIT
// Anchor generators against the API's anchors.
#pragma once

#include <odt/anchor_generator.hpp>

#include <golden.hpp>

#include <string>
#include <vector>

namespace odt::test {

/// Options of a generator from the fields of a case's `params`.
template <class Options>
Options read_anchor_options(const json& params) {
  Options o;
  Options::fields(o, [&params](std::string_view name, auto& member) {
    const json& value = params.at(std::string(name));
    if constexpr (requires { member.clear(); }) {
      member.clear();
      for (const json& element : value)
        member.push_back(element.get<typename std::remove_reference_t<decltype(member)>::value_type>());
    } else {
      member = value.get<std::remove_reference_t<decltype(member)>>();
    }
  });
  return o;
}

/// Compares a generator's anchors and their numbers with all cases of golden/units/anchor_generators/<folder>.
template <anchor_generator Generator>
void check_golden_anchors(const std::string& folder) {
  for (const auto& c : golden_cases("anchor_generators/" + folder)) {
    const Generator generator{read_anchor_options<typename Generator::options>(c.params())};
    const auto shapes = c.in("feature_map_shapes");
    std::vector<size2> maps;
    for (std::size_t i = 0; i < shapes.size(); i += 2)
      maps.push_back({static_cast<int>(shapes[i]), static_cast<int>(shapes[i + 1])});
    const size2 image{static_cast<int>(c.in("image_height")[0]), static_cast<int>(c.in("image_width")[0])};
    std::vector<int> per_cell, per_layer;
    for (int layer = 0; layer < generator.num_layers(); ++layer) {
      const size2 map = maps[static_cast<std::size_t>(layer)];
      per_cell.push_back(generator.boxes_per_cell(layer));
      per_layer.push_back(map.height * map.width * per_cell.back());
    }
    check_close(per_cell, c.out("num_anchors_per_location"), c, "per cell");
    check_close(per_layer, c.out("num_anchors_per_layer"), c, "per layer");
    const auto anchors = generator.generate(maps, image);
    BOOST_TEST(anchors.size() == static_cast<std::size_t>(anchor_count(generator, maps)));
    BOOST_TEST(static_cast<double>(anchors.size()) == c.out("num_anchors")[0]);
    std::vector<float> flat;
    for (const boxf& a : anchors) flat.insert(flat.end(), {a.ymin, a.xmin, a.ymax, a.xmax});
    if (c.has_out("boxes")) check_close(flat, c.out("boxes"), c, "boxes");
    if (c.has_out("sample_indices")) {
      std::vector<float> sample;
      for (const int i : c.out("sample_indices").template as<int>())
        sample.insert(sample.end(), flat.begin() + 4 * i, flat.begin() + 4 * i + 4);
      check_close(sample, c.out("sample_boxes"), c, "sample");
    }
  }
}

}  // namespace odt::test
