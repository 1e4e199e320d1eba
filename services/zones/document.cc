#include "services/zones/document.h"

#include <openssl/sha.h>

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::zones {

using v1::Document;

namespace {

std::string Sha256Hex(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return absl::BytesToHexString(digest);
}

}  // namespace

absl::Status PrepareDocument(const Document* before, Document& document) {
  api::Violations violations;
  if (!document.content().empty()) {
    std::string digest = Sha256Hex(document.content());
    bool kept_from_other_content = before != nullptr && before->sha256() == document.sha256() &&
                                   before->content() != document.content();
    if (document.sha256().empty() || kept_from_other_content) {
      document.set_sha256(digest);
    } else if (document.sha256() != digest) {
      violations.Add("sha256", absl::StrCat("is not the digest of the content, which is ", digest,
                                            "; leave it empty to have it worked out"));
    }
  } else if (document.sha256().empty() && document.number().empty()) {
    violations.Add("sha256",
                   "is required where neither the content nor the number that the issuer gave "
                   "says which document it is");
  }
  return violations.ToStatus();
}

}  // namespace caravan::zones
