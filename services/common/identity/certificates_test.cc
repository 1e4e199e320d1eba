#include "services/common/identity/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

namespace caravan::identity {
namespace {

using ::testing::HasSubstr;

std::string Describe(const std::string& pem) {
  BIO* in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(in, nullptr, nullptr, nullptr);
  BIO* out = BIO_new(BIO_s_mem());
  X509_print(out, certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string text(data, size);
  BIO_free(in);
  BIO_free(out);
  X509_free(certificate);
  return text;
}

class CertificatesTest : public ::testing::Test {
 protected:
  CertificateAuthority authority_ = *CertificateAuthority::Create("Test authority");
};

TEST_F(CertificatesTest, IssuesForHostsAndIdentities) {
  const auto issued = authority_.Issue({.common_name = "zones",
                                        .hosts = {"localhost", "127.0.0.1", "::1"},
                                        .spiffe_id = "spiffe://caravan/services/zones"});
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_TRUE(CheckCertificateAndKey(*issued).ok());
  const std::string text = Describe(issued->certificate);
  EXPECT_THAT(text, HasSubstr("Issuer: CN=Test authority"));
  EXPECT_THAT(text, HasSubstr("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, "
                              "URI:spiffe://caravan/services/zones"));
  EXPECT_THAT(text, HasSubstr("TLS Web Server Authentication, TLS Web Client Authentication"));
  EXPECT_THAT(text, HasSubstr("CA:FALSE"));
  EXPECT_THAT(text, HasSubstr("prime256v1"));
}

TEST_F(CertificatesTest, AClientsCertificateIsOfNoUseToAServer) {
  const auto issued =
      authority_.Issue({.common_name = "li.wei", .spiffe_id = "spiffe://caravan/users/li.wei"});
  ASSERT_TRUE(issued.ok());
  EXPECT_THAT(Describe(issued->certificate), ::testing::Not(HasSubstr("Server Authentication")));
}

TEST_F(CertificatesTest, GoesOnFromItsFiles) {
  const auto loaded = CertificateAuthority::Load(authority_.pem());
  ASSERT_TRUE(loaded.ok());
  EXPECT_TRUE(loaded->Issue({.common_name = "a", .hosts = {"a"}}).ok());
  CertificateAndKey mixed = authority_.pem();
  mixed.key = CertificateAuthority::Create("Other")->pem().key;
  EXPECT_THAT(std::string(CertificateAuthority::Load(mixed).status().message()),
              HasSubstr("do not belong together"));
}

TEST_F(CertificatesTest, RefusesWhatItCannotCertify) {
  for (const CertificateRequest& wrong :
       {CertificateRequest{.common_name = "a"},
        CertificateRequest{.common_name = "a", .hosts = {"a,DNS:b"}},
        CertificateRequest{.common_name = "a", .spiffe_id = "users/a"},
        CertificateRequest{.common_name = "", .hosts = {"a"}},
        CertificateRequest{.common_name = std::string(100, 'a'), .hosts = {"a"}}}) {
    EXPECT_EQ(authority_.Issue(wrong).status().code(), absl::StatusCode::kInvalidArgument)
        << wrong.common_name;
  }
  EXPECT_FALSE(CheckCertificateAndKey({"no", "no"}).ok());
  EXPECT_FALSE(CheckCertificateAndKey({authority_.pem().certificate, "no"}).ok());
}

TEST_F(CertificatesTest, PrivateFilesAreReplacedAndPrivate) {
  const std::string path = ::testing::TempDir() + "certificates_test.pem";
  ASSERT_TRUE(WritePrivateFile(path, "first, which is longer").ok());
  ASSERT_TRUE(WritePrivateFile(path, "second").ok());
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  EXPECT_EQ(content.str(), "second");
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(WritePrivateFile("/nonexistent/a", "").code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace caravan::identity
