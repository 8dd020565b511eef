// SPDX-License-Identifier: MIT
// Linked with two translation units that include every header.
#include <odt/config/pipeline.hpp>

int main() {
  return odt::pipeline::parse("train_config { batch_size: 0 }").root().at("train_config").get<int>("batch_size");
}
