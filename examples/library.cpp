// SPDX-License-Identifier: MIT
// A detector without the command line: library PIPELINE_CONFIG RECORDS PICTURE
#include <odt/config/pipeline.hpp>
#include <odt/dataset/loader.hpp>
#include <odt/io/image_file.hpp>
#include <odt/ssd.hpp>

#include <cstdio>
#include <exception>

using detector = odt::ssd<odt::mobilenet_v1>;

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s PIPELINE_CONFIG RECORDS PICTURE\n", argv[0]);
    return 2;
  }
  const odt::pipeline config = odt::pipeline::load(argv[1]);
  detector model(detector::options::from(config.root()));

  odt::loader_options input;
  input.input_path = {argv[2]};
  input.resizer = model.resizer();
  input.transform = model.pixels();
  input.batch_size = 4;
  odt::loader data(input);

  odt::batch batch;
  for (int step = 1; step <= 20 && data.next(batch); ++step)
    std::printf("step %d: loss %.3f\n", step, model.train_step(batch).total_loss);

  for (const odt::detection& found : model.detect(odt::read_image(argv[3])))
    std::printf("class %d, score %.2f: y %.3f to %.3f, x %.3f to %.3f\n", found.label + 1, found.score,
                found.bounds.ymin, found.bounds.ymax, found.bounds.xmin, found.bounds.xmax);
} catch (const std::exception& wrong) {
  std::fprintf(stderr, "%s\n", wrong.what());
  return 1;
}
