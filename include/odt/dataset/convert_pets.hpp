// SPDX-License-Identifier: MIT
// The Oxford-IIIT Pet data set (Parkhi et al., "Cats and dogs", CVPR 2012) to the records of the API's
// create_pet_tf_record: the same files, split and classes.
#pragma once

#include <odt/dataset/convert.hpp>

#include <string>

namespace odt {

struct pets_options {
  std::string data_dir;    ///< holds images/ and annotations/ with trainval.txt, xmls/ and trimaps/
  bool faces_only = true;  ///< the boxes of faces of the XML files; else boxes and masks of bodies, of the trimaps
};

/// Makes pet_faces_{train,val}.record-?????-of-?????, or pets_fullbody_with_masks_{train,val}..., of the pictures that
/// annotations/trainval.txt lists and that have an XML file (the set's test.txt has none). As the API does it: the list
/// is shuffled by Python's generator with seed 42, the first 70 % are the training set, and picture i of a set goes to
/// shard i modulo their number. The class of a picture is its name up to the number; where there is no label map, one
/// is made whose ids follow the names without regard to case, which are the API's for the whole set.
/// Bodies: 2 in a trimap is background, 1 (the pet) and 3 (its unclear border) are its mask; the box reaches from the
/// mask's first row and column to its last.
/// Of `how` count label_map, output, shards, masks, overwrite, turned, on_bad_example, threads and progress, with the
/// meaning that they have for convert_voc.
convert_report convert_pets(const pets_options& what, const convert_options& how);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/convert_pets.ipp>
#endif
