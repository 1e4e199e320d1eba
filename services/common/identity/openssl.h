// What our code needs of OpenSSL in more than one place: owning pointers, its
// errors as a Status, private keys in PEM.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace caravan::identity {

template <auto Free>
struct OpenSslDeleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using Bio = std::unique_ptr<BIO, OpenSslDeleter<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, OpenSslDeleter<EVP_PKEY_free>>;

// INVALID_ARGUMENT, `what` and the error that OpenSSL has recorded for this
// thread, which is then forgotten.
absl::Status OpenSslError(std::string_view what);

// `text` to read from, and must outlive.
Bio ReadOnly(std::string_view text);

// What has been written to a memory BIO.
std::string Content(const Bio& bio);

// Null where `pem` is no private key, or one with a password.
Key ParsePrivateKey(std::string_view pem);

absl::StatusOr<std::string> PrivateKeyToPem(const Key& key);

}  // namespace caravan::identity
