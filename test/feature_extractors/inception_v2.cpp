// SPDX-License-Identifier: MIT
#include <odt/feature_extractors/inception_v2.hpp>
#include <odt/nn/shapes.hpp>

#include <boost/test/unit_test.hpp>

static_assert(odt::feature_extractor<odt::inception_v2>);

BOOST_AUTO_TEST_SUITE(inception_v2_tests)

BOOST_AUTO_TEST_CASE(six_feature_maps_come_out) {
  odt::network net;
  const auto maps = odt::inception_v2{}.build(net, 0);
  const auto all = odt::shapes(net, {300, 300});
  const std::vector<odt::shape3> expected{{19, 19, 576}, {10, 10, 1024}, {5, 5, 512},
                                          {3, 3, 256},   {2, 2, 256},    {1, 1, 128}};
  BOOST_REQUIRE_EQUAL(maps.size(), expected.size());
  for (std::size_t i = 0; i < maps.size(); ++i) BOOST_TEST((all[static_cast<std::size_t>(maps[i])] == expected[i]));
}

BOOST_AUTO_TEST_CASE(hyperparameters_of_its_own_are_refused) {
  odt::inception_v2::options o;
  o.override_base_feature_extractor_hyperparams = false;
  odt::network net;
  BOOST_CHECK_THROW(odt::inception_v2{o}.build(net, 0), odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
