// SPDX-License-Identifier: MIT
// What a trained detector finds: detect MODEL_DIR PICTURE...
#include <odt/io/image_file.hpp>
#include <odt/ssd.hpp>
#include <odt/train/model_setup.hpp>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

using detector = odt::ssd<odt::mobilenet_v1>;

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s MODEL_DIR PICTURE...\n", argv[0]);
    return 2;
  }
  odt::model_source source;
  source.checkpoint = argv[1];  // its newest checkpoint, with the pipeline.config beside it
  const std::vector<odt::detector_type> types{detector::type()};
  const odt::ready_detector trained = odt::load_detector(types, source);
  const std::vector<std::string> names = trained.class_names();

  for (int i = 2; i < argc; ++i) {
    const odt::image picture = odt::read_upright(argv[i]);
    for (const odt::detection& found : trained.model->detect(picture))
      if (found.score > 0.5f)
        std::printf("%s: %s %.2f: y %.0f to %.0f, x %.0f to %.0f\n", argv[i],
                    names.at(static_cast<std::size_t>(found.label)).c_str(), found.score,
                    found.bounds.ymin * picture.height, found.bounds.ymax * picture.height,
                    found.bounds.xmin * picture.width, found.bounds.xmax * picture.width);
  }
} catch (const std::exception& wrong) {
  std::fprintf(stderr, "%s\n", wrong.what());
  return 1;
}
