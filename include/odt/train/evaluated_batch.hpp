// SPDX-License-Identifier: MIT
// What a rank has to say of a batch that it evaluated, for all ranks.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/packed.hpp>
#include <odt/exec/communicator.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace odt {

/// An image as people look at it.
struct evaluated_picture {
  std::string id;
  image found;  ///< with the detections, and the ground truth where visualize_groundtruth_boxes asks for it
  image truth;  ///< with the ground truth
};

struct evaluated_image {
  std::string id;
  size2 size;  ///< of the original
  labels truth;
  detections found;
  std::vector<evaluated_picture> pictures;  ///< one, or none
};

struct evaluated_batch {
  std::vector<std::pair<std::string, double>> losses;  ///< by tag, with Loss/total_loss
  float learning_rate = 0;
  std::vector<evaluated_image> images;
};

template <class Archive, class T>
void pack_fields(Archive& archive, basic_image<T>& i) {
  archive(i.height, i.width, i.channels, i.pixels);
}
template <class Archive>
void pack_fields(Archive& archive, labels& l) {
  archive(l.boxes, l.classes, l.weights, l.areas, l.crowd, l.difficult, l.group_of, l.masks);
}
template <class Archive>
void pack_fields(Archive& archive, detection& d) {
  archive(d.bounds, d.label, d.score, d.anchor, d.mask);
}
template <class Archive>
void pack_fields(Archive& archive, evaluated_picture& p) {
  archive(p.id, p.found, p.truth);
}
template <class Archive>
void pack_fields(Archive& archive, evaluated_image& i) {
  archive(i.id, i.size, i.truth, i.found, i.pictures);
}
template <class Archive>
void pack_fields(Archive& archive, evaluated_batch& b) {
  archive(b.losses, b.learning_rate, b.images);
}

/// The batches of all ranks, which were dealt out to them in turn, in the order of the set. Waits for all ranks.
inline std::vector<evaluated_batch> of_all_ranks(communicator& ranks, std::vector<evaluated_batch> own) {
  packer mine;
  mine(own);
  std::vector<std::vector<evaluated_batch>> by_rank;
  for (const std::string& bytes : ranks.gather(mine.bytes())) unpacker{bytes}(by_rank.emplace_back());
  std::vector<evaluated_batch> all;
  for (std::size_t turn = 0; turn < by_rank[0].size(); ++turn)
    for (auto& batches : by_rank)
      if (turn < batches.size()) all.push_back(std::move(batches[turn]));
  return all;
}

}  // namespace odt
