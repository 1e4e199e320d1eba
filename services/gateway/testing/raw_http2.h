// The other end of an HTTP/2 connection that does what it is told, right or wrong:
// a client, or a service, of single frames.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace caravan::gateway::testing {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Frame {
  uint8_t type = 0;
  uint8_t flags = 0;
  int32_t stream = 0;
  std::string payload;
  std::map<std::string, std::string> headers;  // of HEADERS

  bool ends_stream() const { return (flags & NGHTTP2_FLAG_END_STREAM) != 0; }
  // The 32 bits at `offset` of the payload: error codes, stream ids.
  uint32_t Number(size_t offset) const;
};

// A frame as it goes over the wire.
std::string Encode(uint8_t type, uint8_t flags, int32_t stream, std::string_view payload);
// HEADERS, without compression.
std::string EncodeHeaders(int32_t stream, const Fields& fields, bool ends_stream);
// SETTINGS of these ids and values.
std::string EncodeSettings(const std::vector<std::pair<uint16_t, uint32_t>>& settings);
std::string Number32(uint32_t number);
// A message of gRPC.
std::string Message(std::string_view bytes);
// What a gRPC client sends.
Fields CallFields(const std::string& path, const Fields& more = {});

// Blocks; answers SETTINGS and PING by itself when it reads.
class RawPeer {
 public:
  // Connects to host:port and says the client's preface with its SETTINGS.
  static std::unique_ptr<RawPeer> Connect(
      const std::string& address, const std::vector<std::pair<uint16_t, uint32_t>>& settings = {});
  // Connects, and says nothing.
  static std::unique_ptr<RawPeer> ConnectSilently(const std::string& address);
  // The server's side of a connection: takes the preface and says SETTINGS.
  static std::unique_ptr<RawPeer> Serve(
      int descriptor, const std::vector<std::pair<uint16_t, uint32_t>>& settings = {});
  ~RawPeer();
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  // False where the peer has closed.
  bool Send(std::string_view bytes);
  // The next frame; nothing at the end of the connection, or when none has come in
  // the time.
  std::optional<Frame> Read(absl::Duration timeout = absl::Seconds(10));
  // The next frame of a type, leaving out others.
  std::optional<Frame> ReadUntil(uint8_t type, absl::Duration timeout = absl::Seconds(10));
  // From here on it answers nothing by itself.
  void FallSilent() { answers_ = false; }
  // Whether the peer closes within the time; frames until then are left out.
  bool ClosedWithin(absl::Duration timeout);

  // The next frame of a stream, and the next but SETTINGS, PING, WINDOW_UPDATE.
  std::optional<Frame> ReadOf(int32_t stream, absl::Duration timeout = absl::Seconds(10));

 private:
  explicit RawPeer(int descriptor);
  bool Fill(absl::Time deadline);

  const int descriptor_;
  std::string input_;
  bool closed_ = false;
  bool answers_ = true;
  nghttp2_hd_inflater* inflater_ = nullptr;
};

// A port that services listen on.
class RawListener {
 public:
  RawListener();
  ~RawListener();
  RawListener(const RawListener&) = delete;
  RawListener& operator=(const RawListener&) = delete;

  const std::string& address() const { return address_; }
  // The next connection, as its server, which says that it has no health service;
  // null when none has come in the time.
  std::unique_ptr<RawPeer> Accept(const std::vector<std::pair<uint16_t, uint32_t>>& settings = {},
                                  absl::Duration timeout = absl::Seconds(10));

 private:
  int descriptor_;
  std::string address_;
};

}  // namespace caravan::gateway::testing
