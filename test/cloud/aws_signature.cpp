// SPDX-License-Identifier: MIT
// AWS's own examples: of Signature Version 4's test suite ("get-vanilla", ...), and of the S3 reference's page
// "Signature Calculations for the Authorization Header".
#include <odt/cloud/aws_signature.hpp>

#include <scratch.hpp>

namespace {

using odt::cloud::aws_key;
using odt::cloud::http_request;

const aws_key suite_key{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
const aws_key s3_key{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
constexpr std::time_t suite_time = 1440938160;  // 2015-08-30 12:36:00
constexpr std::time_t s3_time = 1369353600;     // 2013-05-24 00:00:00

std::string header(const http_request& request, const std::string& name) {
  for (const auto& [known, value] : request.headers)
    if (known == name) return value;
  return {};
}

std::string signature_of(http_request request, const aws_key& key, const odt::cloud::aws_scope& scope,
                         std::time_t now) {
  odt::cloud::sign(request, key, scope, now);
  const std::string all = header(request, "Authorization");
  return all.substr(all.rfind('=') + 1);
}

std::string of_suite(const std::string& method, const std::string& rest) {
  return signature_of({.method = method, .url = "https://example.amazonaws.com" + rest}, suite_key,
                      {"us-east-1", "service"}, suite_time);
}

std::string of_s3(const std::string& rest, std::vector<std::pair<std::string, std::string>> headers = {}) {
  return signature_of({.url = "https://examplebucket.s3.amazonaws.com" + rest, .headers = std::move(headers)}, s3_key,
                      {}, s3_time);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(aws_signature_tests)

BOOST_AUTO_TEST_CASE(the_test_suite_s_requests) {
  BOOST_TEST(of_suite("GET", "/") == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  BOOST_TEST(of_suite("POST", "/") == "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  BOOST_TEST(of_suite("GET", "/?Param2=value2&Param1=value1") ==
             "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

BOOST_AUTO_TEST_CASE(the_reference_s_requests_of_s3) {
  BOOST_TEST(of_s3("/test.txt", {{"Range", "bytes=0-9"}}) ==
             "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  BOOST_TEST(of_s3("/?lifecycle") == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  BOOST_TEST(of_s3("/?prefix=J&max-keys=2") == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

BOOST_AUTO_TEST_CASE(a_body_is_signed) {
  const std::string url = "https://examplebucket.s3.amazonaws.com/test%24file.text";
  BOOST_TEST(signature_of(
                 {.method = "PUT",
                  .url = url,
                  .headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                  .body = "Welcome to Amazon S3."},
                 s3_key, {}, s3_time) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

BOOST_AUTO_TEST_CASE(the_token_of_a_temporary_key_is_signed_too) {
  http_request request{.url = "https://examplebucket.s3.amazonaws.com/test.txt"};
  odt::cloud::sign(request, {s3_key.id, s3_key.secret, "token"}, {}, s3_time);
  BOOST_TEST(header(request, "x-amz-security-token") == "token");
  BOOST_TEST(header(request, "Authorization").find("x-amz-date;x-amz-security-token, ") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
