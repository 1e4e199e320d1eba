// Documents: evidence by digest.
#pragma once

#include "absl/status/status.h"
#include "caravan/zones/v1/documents.pb.h"

namespace caravan::zones {

// Completes a document as it will be stored, and checks it beyond what its
// contract declares; `before` is what it replaces, null where it is new. Sets
// `sha256` where the content is given and the digest is not, or has stayed that
// of a content which is replaced. INVALID_ARGUMENT, naming fields relative to the
// document, where the digest is another than the content's, and where neither
// content, digest nor number says which document it is.
absl::Status PrepareDocument(const v1::Document* before, v1::Document& document);

}  // namespace caravan::zones
