// SPDX-License-Identifier: MIT
#include <odt/cloud/aws_credentials.hpp>
#include <odt/cloud/crypto.hpp>
#include <odt/cloud/google_credentials.hpp>
#include <odt/cloud/rfc3339.hpp>
#include <odt/cloud/s3_store.hpp>
#include <odt/io/file.hpp>

#include <cloud/toy_server.hpp>
#include <scratch.hpp>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <map>
#include <optional>

namespace {

using odt::test::check_error;
using odt::test::scratch_directory;

/// The environment of a test: what it names, and nothing else that credentials are looked for in.
class environment {
 public:
  explicit environment(const std::map<std::string, std::string>& wanted) {
    for (const char* name : {"AWS_ACCESS_KEY_ID",
                             "AWS_SECRET_ACCESS_KEY",
                             "AWS_SESSION_TOKEN",
                             "AWS_PROFILE",
                             "AWS_DEFAULT_PROFILE",
                             "AWS_SHARED_CREDENTIALS_FILE",
                             "AWS_CONFIG_FILE",
                             "AWS_REGION",
                             "AWS_DEFAULT_REGION",
                             "AWS_ENDPOINT_URL",
                             "AWS_ENDPOINT_URL_S3",
                             "AWS_ENDPOINT_URL_STS",
                             "AWS_WEB_IDENTITY_TOKEN_FILE",
                             "AWS_ROLE_ARN",
                             "AWS_ROLE_SESSION_NAME",
                             "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                             "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                             "AWS_EC2_METADATA_DISABLED",
                             "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                             "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                             "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                             "GOOGLE_APPLICATION_CREDENTIALS",
                             "CLOUDSDK_CONFIG",
                             "HOME",
                             "GCE_METADATA_HOST"}) {
      const char* const value = std::getenv(name);
      before_[name] = value ? std::optional<std::string>(value) : std::nullopt;
      ::unsetenv(name);
    }
    for (const auto& [name, value] : wanted) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~environment() {
    for (const auto& [name, value] : before_)
      value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
  }
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;

 private:
  std::map<std::string, std::optional<std::string>> before_;
};

/// An RSA key made for one test.
struct rsa_key {
  rsa_key() : key(::EVP_RSA_gen(2048)) {
    BIO* const memory = ::BIO_new(::BIO_s_mem());
    ::PEM_write_bio_PrivateKey(memory, key, nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const long size = ::BIO_get_mem_data(memory, &text);
    pem.assign(text, static_cast<std::size_t>(size));
    ::BIO_free(memory);
  }
  ~rsa_key() { ::EVP_PKEY_free(key); }
  rsa_key(const rsa_key&) = delete;
  rsa_key& operator=(const rsa_key&) = delete;

  bool verifies(std::string_view text, const std::string& signature) const {
    EVP_MD_CTX* const context = ::EVP_MD_CTX_new();
    ::EVP_DigestVerifyInit(context, nullptr, ::EVP_sha256(), nullptr, key);
    const int result =
        ::EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                           reinterpret_cast<const unsigned char*>(text.data()), text.size());
    ::EVP_MD_CTX_free(context);
    return result == 1;
  }

  EVP_PKEY* key;
  std::string pem;
};

std::string from_base64_url(std::string_view text) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    bits = bits << 6 | static_cast<unsigned>(letters.find(c));
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8));
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(credentials_tests)

BOOST_AUTO_TEST_CASE(a_service_account_signs_for_its_token) {
  const scratch_directory scratch;
  const rsa_key key;
  std::string asked;
  odt::test::toy_server server([&](const std::string& request) {
    asked = request;
    return odt::test::http_answer(200, R"({"access_token": "given", "expires_in": 60})");
  });
  const std::string uri = "http://" + server.host + "/token";
  const nlohmann::json file{
      {"type", "service_account"}, {"client_email", "odt@example.org"}, {"private_key", key.pem}, {"token_uri", uri}};
  odt::write_file(scratch / "key.json", file.dump());
  const auto token = odt::cloud::token_of_file(scratch / "key.json", 1000);
  BOOST_TEST(token.value == "given");
  BOOST_TEST(token.expires == 1060);
  const std::string claim = asked.substr(asked.find("&assertion=") + 11);
  const auto first = claim.find('.'), last = claim.rfind('.');
  BOOST_TEST(key.verifies(claim.substr(0, last), from_base64_url(claim.substr(last + 1))));
  const auto claims = nlohmann::json::parse(from_base64_url(claim.substr(first + 1, last - first - 1)));
  BOOST_TEST(claims.at("iss") == "odt@example.org");
  BOOST_TEST(claims.at("aud") == uri);
  BOOST_TEST(claims.at("exp") == 4600);
  BOOST_TEST(from_base64_url(claim.substr(0, first)) == R"({"alg":"RS256","typ":"JWT"})");
}

BOOST_AUTO_TEST_CASE(an_authorized_user_renews_a_token) {
  const scratch_directory scratch;
  std::string asked;
  odt::test::toy_server server([&](const std::string& request) {
    asked = request;
    return odt::test::http_answer(200, R"({"access_token": "given", "expires_in": 60})");
  });
  const nlohmann::json file{{"type", "authorized_user"},
                            {"client_id", "id"},
                            {"client_secret", "a+b"},
                            {"refresh_token", "r"},
                            {"token_uri", "http://" + server.host}};
  odt::write_file(scratch / "key.json", file.dump());
  BOOST_TEST(odt::cloud::token_of_file(scratch / "key.json", 0).value == "given");
  BOOST_TEST(asked.ends_with("grant_type=refresh_token&client_id=id&client_secret=a%2Bb&refresh_token=r"));
}

BOOST_AUTO_TEST_CASE(a_refusal_is_told) {
  const scratch_directory scratch;
  odt::test::toy_server server([](const std::string&) { return odt::test::http_answer(400, "invalid_grant"); });
  const nlohmann::json file{{"type", "authorized_user"},
                            {"client_id", "id"},
                            {"client_secret", "s"},
                            {"refresh_token", "r"},
                            {"token_uri", "http://" + server.host}};
  odt::write_file(scratch / "key.json", file.dump());
  check_error([&] { odt::cloud::token_of_file(scratch / "key.json", 0); },
              {scratch / "key.json", "400", "invalid_grant"});
}

BOOST_AUTO_TEST_CASE(google_s_machine_gives_tokens_and_new_ones_before_they_expire) {
  const scratch_directory home;
  int seconds = 3600;
  odt::test::toy_server server([&](const std::string& request) {
    const bool asked_right = request.find("Metadata-Flavor: Google") != std::string::npos;
    return odt::test::http_answer(asked_right ? 200 : 403,
                                  odt::str(R"({"access_token": "given", "expires_in": )", seconds, "}"));
  });
  const environment e({{"HOME", home.path()}, {"GCE_METADATA_HOST", server.host}});
  odt::cloud::google_credentials credentials;
  BOOST_TEST(credentials.get().value == "given");
  credentials.get();
  BOOST_TEST(server.requests == 1);
  credentials.renew();
  seconds = 60;  // too little to begin with
  credentials.get();
  credentials.get();
  BOOST_TEST(server.requests == 3);
}

BOOST_AUTO_TEST_CASE(amazon_s_machine_gives_keys_to_who_has_its_token) {
  const scratch_directory home;
  odt::test::toy_server server([](const std::string& request) {
    if (request.starts_with("PUT /latest/api/token ")) return odt::test::http_answer(200, "session");
    if (request.find("X-aws-ec2-metadata-token: session") == std::string::npos) return odt::test::http_answer(401, "");
    if (request.starts_with("GET /latest/meta-data/iam/security-credentials/ "))
      return odt::test::http_answer(200, "role\n");
    return odt::test::http_answer(200, R"({"AccessKeyId": "i", "SecretAccessKey": "s", "Token": "t",
                                          "Expiration": "2100-01-01T00:00:00Z"})");
  });
  const environment e({{"HOME", home.path()}, {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://" + server.host}});
  const auto found = odt::cloud::aws_credential_chain().get();
  BOOST_TEST(found.key.id == "i");
  BOOST_TEST(found.key.token == "t");
  BOOST_TEST(found.expires == 4102444800);
}

BOOST_AUTO_TEST_CASE(a_container_s_keys) {
  const scratch_directory home;
  odt::test::toy_server server([](const std::string& request) {
    const bool may = request.find("Authorization: secret") != std::string::npos;
    return odt::test::http_answer(may ? 200 : 403, R"({"AccessKeyId": "c", "SecretAccessKey": "s", "Token": "t"})");
  });
  odt::write_file(home / "token", "secret\n");
  const environment e({{"HOME", home.path()},
                       {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://" + server.host + "/keys"},
                       {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", home / "token"}});
  BOOST_TEST(odt::cloud::aws_credential_chain().get().key.id == "c");
}

/// What the Security Token Service answers.
std::string keys_of_role(const std::string& id) {
  return odt::str(
      "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
      "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>",
      id,
      "</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
      "<Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
      "</AssumeRoleWithWebIdentityResponse>");
}

/// As EKS sets up a pod: the token's file is written anew before the token ends.
BOOST_AUTO_TEST_CASE(a_pod_s_token_becomes_the_keys_of_its_role) {
  const scratch_directory home;
  std::string asked;
  odt::test::toy_server service([&](const std::string& request) {
    asked = request;
    return odt::test::http_answer(200,
                                  keys_of_role(request.ends_with("&WebIdentityToken=e.y%2B2") ? "second" : "first"));
  });
  odt::write_file(home / "token", "e.y+1\n");
  const environment e({{"HOME", home.path()},
                       {"AWS_WEB_IDENTITY_TOKEN_FILE", home / "token"},
                       {"AWS_ROLE_ARN", "arn:aws:iam::1:role/trainer"},
                       {"AWS_ROLE_SESSION_NAME", "night"},
                       {"AWS_ENDPOINT_URL_STS", "http://" + service.host + "/"}});
  odt::cloud::aws_credential_chain chain;
  const auto found = chain.get();
  BOOST_TEST(asked.starts_with("POST / HTTP"));
  BOOST_TEST(asked.find("Authorization") == asked.npos);
  BOOST_TEST(
      asked.ends_with("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole"
                      "%2Ftrainer&RoleSessionName=night&WebIdentityToken=e.y%2B1"));
  BOOST_TEST(found.key.id == "first");
  BOOST_TEST(found.key.token == "t");
  BOOST_TEST(found.expires == 4102444800);
  odt::write_file(home / "token", "e.y+2");
  BOOST_TEST(chain.get().key.id == "first");
  chain.renew();
  BOOST_TEST(chain.get().key.id == "second");
  BOOST_TEST(service.requests == 2);
}

BOOST_AUTO_TEST_CASE(a_profile_s_web_identity) {
  const scratch_directory home;
  odt::test::toy_server service([&](const std::string& request) {
    const bool right = request.find("RoleArn=r&RoleSessionName=odt-") != request.npos;
    return odt::test::http_answer(right ? 200 : 403, keys_of_role("p"));
  });
  odt::make_directories(home / ".aws");
  odt::write_file(home / "token", "e");
  odt::write_file(home / ".aws/config", "[profile dev]\nrole_arn = r\nweb_identity_token_file = " + (home / "token"));
  odt::write_file(home / ".aws/credentials", "[dev]\naws_access_key_id = d\naws_secret_access_key = s\n");
  const environment e({{"HOME", home.path()}, {"AWS_PROFILE", "dev"}, {"AWS_ENDPOINT_URL", "http://" + service.host}});
  BOOST_TEST(odt::cloud::aws_credential_chain().get().key.id == "p");
}

BOOST_AUTO_TEST_CASE(a_role_that_is_refused) {
  const scratch_directory home;
  odt::test::toy_server service([](const std::string&) {
    return odt::test::http_answer(403,
                                  "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not "
                                  "authorized to perform sts</Message></Error></ErrorResponse>");
  });
  const std::map<std::string, std::string> wanted{{"HOME", home.path()},
                                                  {"AWS_WEB_IDENTITY_TOKEN_FILE", home / "token"},
                                                  {"AWS_ENDPOINT_URL_STS", "http://" + service.host}};
  const auto get = [] { odt::cloud::aws_credential_chain().get(); };
  {
    const environment e(wanted);
    check_error(get, {home / "token", "AWS_ROLE_ARN"});
  }
  auto with_role = wanted;
  with_role["AWS_ROLE_ARN"] = "arn:of:mine";
  const environment e(with_role);
  check_error(get, {home / "token"});  // is not there
  odt::write_file(home / "token", "\n");
  check_error(get, {home / "token", "is empty", "AWS_WEB_IDENTITY_TOKEN_FILE"});
  odt::write_file(home / "token", "e");
  check_error(get, {"arn:of:mine", home / "token", "403", "AccessDenied: Not authorized to perform sts"});
}

/// A cluster's token for Google's, and that for a service account's.
BOOST_AUTO_TEST_CASE(an_external_account_exchanges_its_token) {
  const scratch_directory scratch;
  std::string exchange, account;
  odt::test::toy_server server([&](const std::string& request) {
    if (request.starts_with("GET /own ")) {
      const bool may = request.find("Metadata: True") != request.npos;
      return odt::test::http_answer(may ? 200 : 403, R"({"id_token": "from an address"})");
    }
    if (request.starts_with("POST /account:generateAccessToken ")) {
      account = request;
      return odt::test::http_answer(200, R"({"accessToken": "account's", "expireTime": "2100-01-01T00:00:00.5Z"})");
    }
    exchange = request;
    return odt::test::http_answer(200, R"({"access_token": "federated", "expires_in": 60, "token_type": "Bearer"})");
  });
  odt::write_file(scratch / "token", "a.b+c\n");
  const std::string uri = "http://" + server.host;
  nlohmann::json file{{"type", "external_account"},
                      {"audience", "//iam.googleapis.com/pool"},
                      {"subject_token_type", "urn:ietf:params:oauth:token-type:jwt"},
                      {"token_url", uri + "/v1/token"},
                      {"credential_source", {{"file", scratch / "token"}}}};
  const auto token = [&] {
    odt::write_file(scratch / "key.json", file.dump());
    return odt::cloud::token_of_file(scratch / "key.json", 1000);
  };
  const auto own = token();
  BOOST_TEST(own.value == "federated");
  BOOST_TEST(own.expires == 1060);
  BOOST_TEST(exchange.starts_with("POST /v1/token HTTP"));
  BOOST_TEST(exchange.ends_with(
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&requested_token_type=urn%3Aietf%3Aparams"
      "%3Aoauth%3Atoken-type%3Aaccess_token&audience=%2F%2Fiam.googleapis.com%2Fpool&scope=https%3A%2F%2F"
      "www.googleapis.com%2Fauth%2Fdevstorage.read_write&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type"
      "%3Ajwt&subject_token=a.b%2Bc"));

  file["service_account_impersonation_url"] = uri + "/account:generateAccessToken";
  file["service_account_impersonation"] = {{"token_lifetime_seconds", 900}};
  file["credential_source"] = {{"url", uri + "/own"},
                               {"headers", {{"Metadata", "True"}}},
                               {"format", {{"type", "json"}, {"subject_token_field_name", "id_token"}}}};
  const auto of_account = token();
  BOOST_TEST(of_account.value == "account's");
  BOOST_TEST(of_account.expires == 4102444800);
  BOOST_TEST(exchange.find("auth%2Fcloud-platform&") != exchange.npos);
  BOOST_TEST(exchange.ends_with("&subject_token=from%20an%20address"));
  BOOST_TEST(account.find("Authorization: Bearer federated") != account.npos);
  BOOST_TEST(
      account.ends_with(R"({"lifetime":"900s","scope":["https://www.googleapis.com/auth/devstorage.read_write"]})"));
}

BOOST_AUTO_TEST_CASE(external_accounts_that_give_no_token) {
  const scratch_directory scratch;
  odt::test::toy_server server([](const std::string&) {
    return odt::test::http_answer(400, R"({"error": "invalid_grant", "error_description": "the token is stale"})");
  });
  nlohmann::json file{{"type", "external_account"},
                      {"subject_token_type", "jwt"},
                      {"token_url", "http://" + server.host},
                      {"credential_source", {{"file", scratch / "token"}}}};
  const auto refused = [&](std::initializer_list<std::string_view> why) {
    odt::write_file(scratch / "key.json", file.dump());
    check_error([&] { odt::cloud::token_of_file(scratch / "key.json", 0); }, why);
  };
  const std::string path = scratch / "key.json";
  refused({path, "has no \"audience\""});
  file["audience"] = "a";
  refused({scratch / "token"});  // is not there
  odt::write_file(scratch / "token", "");
  refused({scratch / "token", "is empty", path});
  odt::write_file(scratch / "token", R"({"id": 1})");
  refused({path, server.host, "400", "the token is stale"});
  file["credential_source"]["format"] = {{"type", "json"}, {"subject_token_field_name", "id"}};
  refused({scratch / "token", "a text \"id\"", path});
  file["credential_source"] = {{"environment_id", "aws1"}};
  refused({path, "neither a \"file\" nor a \"url\""});
  file["credential_source"] = "x";
  refused({path, "credential_source"});
}

BOOST_AUTO_TEST_CASE(times_of_servers) {
  using odt::cloud::seconds_of;
  BOOST_TEST(seconds_of("2100-01-01T00:00:00Z") == 4102444800);
  BOOST_TEST(seconds_of("2100-01-01T00:00:00.045123456Z") == 4102444800);
  BOOST_TEST(seconds_of("2100-01-01T00:00:00") == 0);
  BOOST_TEST(seconds_of("") == 0);
}

BOOST_AUTO_TEST_CASE(ini_files) {
  const auto read =
      odt::cloud::parse_ini("# note\n[default]\n a = no\nkey = x = y \r\n\n[profile dev]\nregion=eu-west-1\n");
  BOOST_TEST(read.at("default").at("key") == "x = y");
  BOOST_TEST(read.at("profile dev").at("region") == "eu-west-1");
  BOOST_TEST(read.at("default").size() == 1u);  // an indented line belongs to the one above
}

BOOST_AUTO_TEST_CASE(the_environment_comes_before_the_profile) {
  const scratch_directory home;
  odt::make_directories(home / ".aws");
  odt::write_file(home / ".aws/credentials",
                  "[default]\naws_access_key_id = d\naws_secret_access_key = s\n[dev]\naws_access_key_id = v\n"
                  "aws_secret_access_key = s\naws_session_token = t\n");
  odt::write_file(home / ".aws/config",
                  "[default]\nregion = eu-west-1\n[profile dev]\nregion = eu-north-1\n"
                  "endpoint_url = http://localhost:9000/\n");
  {
    const environment e({{"HOME", home.path()}, {"AWS_ACCESS_KEY_ID", "e"}, {"AWS_SECRET_ACCESS_KEY", "s"}});
    BOOST_TEST(odt::cloud::aws_credential_chain().get().key.id == "e");
    BOOST_TEST(odt::cloud::aws_region() == "eu-west-1");
    BOOST_TEST(odt::cloud::aws_endpoint() == "");
  }
  {
    const environment e({{"HOME", home.path()}});
    BOOST_TEST(odt::cloud::aws_credential_chain().get().key.id == "d");
  }
  {
    const environment e({{"HOME", home.path()}, {"AWS_PROFILE", "dev"}, {"AWS_ENDPOINT_URL", ""}});
    const auto found = odt::cloud::aws_credential_chain().get();
    BOOST_TEST(found.key.id == "v");
    BOOST_TEST(found.key.token == "t");
    BOOST_TEST(odt::cloud::aws_region() == "eu-north-1");
    BOOST_TEST(odt::cloud::aws_endpoint() == "http://localhost:9000");
  }
}

BOOST_AUTO_TEST_CASE(none_are_found) {
  const scratch_directory home;
  const environment e(
      {{"HOME", home.path()}, {"AWS_EC2_METADATA_DISABLED", "true"}, {"GCE_METADATA_HOST", "127.0.0.1:1"}});
  check_error([] { odt::cloud::aws_credential_chain().get(); }, {"AWS_ACCESS_KEY_ID", home / ".aws/credentials"});
  check_error([] { odt::cloud::google_credentials().get(); },
              {"GOOGLE_APPLICATION_CREDENTIALS", home.path(), "gcloud"});
}

BOOST_AUTO_TEST_CASE(wrong_key_files) {
  const scratch_directory scratch;
  const auto token = [&](const std::string& content) {
    odt::write_file(scratch / "key.json", content);
    return odt::cloud::token_of_file(scratch / "key.json", 0);
  };
  check_error([&] { token("{"); }, {scratch / "key.json", "no JSON"});
  check_error([&] { token(R"({"type": "external_account_authorized_user"})"); },
              {scratch / "key.json", "external_account_authorized_user", "service_account"});
  check_error([&] { token(R"({"type": "service_account"})"); }, {scratch / "key.json", "client_email"});
  check_error([&] { token(R"({"type": "service_account", "client_email": "a", "private_key": "b"})"); },
              {scratch / "key.json", "private_key"});
}

BOOST_AUTO_TEST_CASE(digests) {
  BOOST_TEST(odt::cloud::hexadecimal(odt::cloud::sha256_bytes("abc")) ==
             "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  BOOST_TEST(odt::cloud::hexadecimal(odt::cloud::hmac_sha256("Jefe", "what do ya want for nothing?")) ==
             "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");  // RFC 4231
  BOOST_TEST(odt::cloud::base64_url("f") == "Zg");
  BOOST_TEST(odt::cloud::base64_url("\xfb\xff\xfe") == "-__-");
  BOOST_TEST(odt::cloud::base64_url("foob") == "Zm9vYg");
}

BOOST_AUTO_TEST_CASE(urls_of_s3) {
  using odt::cloud::s3_url;
  BOOST_TEST(s3_url({"", "eu-west-1"}, "bucket", "a b/c") == "https://bucket.s3.eu-west-1.amazonaws.com/a%20b/c");
  BOOST_TEST(s3_url({"", "eu-west-1"}, "a.b", "c") == "https://s3.eu-west-1.amazonaws.com/a.b/c");
  BOOST_TEST(s3_url({"http://localhost:8333", "x"}, "bucket", "c") == "http://localhost:8333/bucket/c");
}

BOOST_AUTO_TEST_SUITE_END()
