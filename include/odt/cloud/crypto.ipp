// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/crypto.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <cstdint>
#include <memory>

namespace odt::cloud {

namespace detail::crypto {

inline constexpr std::size_t sha256_size = 32;

ODT_INLINE const unsigned char* unsigned_bytes(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

ODT_INLINE unsigned char* unsigned_bytes(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

}  // namespace detail::crypto

ODT_INLINE std::string sha256_bytes(std::string_view bytes) {
  std::string digest(detail::crypto::sha256_size, '\0');
  ::EVP_Digest(bytes.data(), bytes.size(), detail::crypto::unsigned_bytes(digest), nullptr, ::EVP_sha256(), nullptr);
  return digest;
}

ODT_INLINE std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  namespace d = detail::crypto;
  std::string code(d::sha256_size, '\0');
  ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), d::unsigned_bytes(bytes), bytes.size(),
         d::unsigned_bytes(code), nullptr);
  return code;
}

ODT_INLINE std::string rs256(std::string_view pem, std::string_view bytes, const std::string& place) {
  namespace d = detail::crypto;
  const std::unique_ptr<BIO, decltype(&::BIO_free)> text(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                         &::BIO_free);
  const std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key(
      ::PEM_read_bio_PrivateKey(text.get(), nullptr, nullptr, nullptr), &::EVP_PKEY_free);
  if (!key) fail(place, ": its private_key is no private key in PEM");
  const std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> context(::EVP_MD_CTX_new(), &::EVP_MD_CTX_free);
  std::size_t size = 0;
  std::string signature;
  if (::EVP_DigestSignInit(context.get(), nullptr, ::EVP_sha256(), nullptr, key.get()) != 1 ||
      ::EVP_DigestSign(context.get(), nullptr, &size, d::unsigned_bytes(bytes), bytes.size()) != 1)
    fail(place, ": its private_key cannot sign");
  signature.resize(size);
  if (::EVP_DigestSign(context.get(), d::unsigned_bytes(signature), &size, d::unsigned_bytes(bytes), bytes.size()) != 1)
    fail(place, ": its private_key cannot sign");
  signature.resize(size);
  return signature;
}

ODT_INLINE std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

ODT_INLINE std::string base64_url(std::string_view bytes) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) out += letters[bits >> (count - 6) & 63];
  }
  if (count > 0) out += letters[bits << (6 - count) & 63];
  return out;
}

}  // namespace odt::cloud
