#include "services/gateway/testing/raw_http2.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace caravan::gateway::testing {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kFrameHeader = 9;

void Need(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::abort();
}

// A length in HPACK's form with a prefix of 7 bits, without Huffman.
std::string HpackString(std::string_view text) {
  std::string encoded;
  size_t size = text.size();
  if (size < 127) {
    encoded.push_back(static_cast<char>(size));
  } else {
    encoded.push_back(127);
    size -= 127;
    while (size >= 128) {
      encoded.push_back(static_cast<char>(size % 128 + 128));
      size /= 128;
    }
    encoded.push_back(static_cast<char>(size));
  }
  return encoded.append(text);
}

}  // namespace

std::string Number32(uint32_t number) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(number >> shift & 0xff));
  return bytes;
}

uint32_t Frame::Number(size_t offset) const {
  uint32_t number = 0;
  for (size_t i = offset; i < offset + 4; ++i) {
    number = number << 8 | static_cast<uint8_t>(payload.at(i));
  }
  return number;
}

std::string Encode(uint8_t type, uint8_t flags, int32_t stream, std::string_view payload) {
  std::string frame = Number32(static_cast<uint32_t>(payload.size())).substr(1);
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  return absl::StrCat(frame, Number32(static_cast<uint32_t>(stream)), payload);
}

std::string EncodeHeaders(int32_t stream, const Fields& fields, bool ends_stream) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block.push_back(0);  // a literal that is not indexed
    block.append(HpackString(name));
    block.append(HpackString(value));
  }
  const int flags = NGHTTP2_FLAG_END_HEADERS | (ends_stream ? NGHTTP2_FLAG_END_STREAM : 0);
  return Encode(NGHTTP2_HEADERS, static_cast<uint8_t>(flags), stream, block);
}

std::string EncodeSettings(const std::vector<std::pair<uint16_t, uint32_t>>& settings) {
  std::string payload;
  for (const auto& [id, value] : settings) {
    payload.append(Number32(id).substr(2));
    payload.append(Number32(value));
  }
  return Encode(NGHTTP2_SETTINGS, 0, 0, payload);
}

std::string Message(std::string_view bytes) {
  return absl::StrCat(std::string_view("\0", 1), Number32(static_cast<uint32_t>(bytes.size())),
                      bytes);
}

Fields CallFields(const std::string& path, const Fields& more) {
  Fields fields = {{":method", "POST"}, {":scheme", "http"},
                   {":path", path},     {":authority", "gateway"},
                   {"te", "trailers"},  {"content-type", "application/grpc"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

RawPeer::RawPeer(int descriptor) : descriptor_(descriptor) {
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  nghttp2_hd_inflate_new(&inflater_);
}

RawPeer::~RawPeer() {
  close(descriptor_);
  nghttp2_hd_inflate_del(inflater_);
}

std::unique_ptr<RawPeer> RawPeer::ConnectSilently(const std::string& address) {
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  const size_t colon = address.rfind(':');
  int port = 0;
  Need(absl::SimpleAtoi(address.substr(colon + 1), &port), "port");
  peer.sin_port = htons(static_cast<uint16_t>(port));
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Need(connect(descriptor, reinterpret_cast<const sockaddr*>(&peer), sizeof(peer)) == 0, "connect");
  return std::unique_ptr<RawPeer>(new RawPeer(descriptor));
}

std::unique_ptr<RawPeer> RawPeer::Connect(
    const std::string& address, const std::vector<std::pair<uint16_t, uint32_t>>& settings) {
  auto peer = ConnectSilently(address);
  peer->Send(absl::StrCat(kPreface, EncodeSettings(settings)));
  return peer;
}

std::unique_ptr<RawPeer> RawPeer::Serve(
    int descriptor, const std::vector<std::pair<uint16_t, uint32_t>>& settings) {
  std::unique_ptr<RawPeer> peer(new RawPeer(descriptor));
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (peer->input_.size() < kPreface.size()) {
    if (!peer->Fill(deadline)) return nullptr;
  }
  peer->input_.erase(0, kPreface.size());
  peer->Send(EncodeSettings(settings));
  return peer;
}

bool RawPeer::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool RawPeer::Fill(absl::Time deadline) {
  const absl::Duration left = deadline - absl::Now();
  pollfd poll_for{.fd = descriptor_, .events = POLLIN, .revents = 0};
  if (left <= absl::ZeroDuration() ||
      poll(&poll_for, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1) <= 0) {
    return false;
  }
  char buffer[65536];
  const ssize_t received = recv(descriptor_, buffer, sizeof(buffer), 0);
  if (received <= 0) {
    closed_ = true;
    return false;
  }
  input_.append(buffer, static_cast<size_t>(received));
  return true;
}

std::optional<Frame> RawPeer::Read(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(input_[i]); };
  while (input_.size() < kFrameHeader ||
         input_.size() < kFrameHeader + (size_t{byte(0)} << 16 | size_t{byte(1)} << 8 | byte(2))) {
    if (!Fill(deadline)) return std::nullopt;
  }
  const size_t size = size_t{byte(0)} << 16 | size_t{byte(1)} << 8 | byte(2);
  Frame frame;
  frame.type = byte(3);
  frame.flags = byte(4);
  frame.payload = input_.substr(5, 4);
  frame.stream = static_cast<int32_t>(frame.Number(0));
  frame.payload = input_.substr(kFrameHeader, size);
  input_.erase(0, kFrameHeader + size);

  const bool ack = (frame.flags & NGHTTP2_FLAG_ACK) != 0;
  if (answers_ && frame.type == NGHTTP2_SETTINGS && !ack)
    Send(Encode(frame.type, NGHTTP2_FLAG_ACK, 0, ""));
  if (answers_ && frame.type == NGHTTP2_PING && !ack) {
    Send(Encode(frame.type, NGHTTP2_FLAG_ACK, 0, frame.payload));
  }
  if (frame.type == NGHTTP2_HEADERS) {
    std::string_view block = frame.payload;
    int flags = 0;
    do {
      nghttp2_nv field;
      const ssize_t taken =
          nghttp2_hd_inflate_hd2(inflater_, &field, &flags,
                                 reinterpret_cast<const uint8_t*>(block.data()), block.size(), 1);
      Need(taken >= 0, "HPACK");
      block.remove_prefix(static_cast<size_t>(taken));
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        frame.headers.emplace(std::string(reinterpret_cast<char*>(field.name), field.namelen),
                              std::string(reinterpret_cast<char*>(field.value), field.valuelen));
      }
    } while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0);
    nghttp2_hd_inflate_end_headers(inflater_);
  }
  return frame;
}

std::optional<Frame> RawPeer::ReadUntil(uint8_t type, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (auto frame = Read(deadline - absl::Now())) {
    if (frame->type == type) return frame;
  }
  return std::nullopt;
}

std::optional<Frame> RawPeer::ReadOf(int32_t stream, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (auto frame = Read(deadline - absl::Now())) {
    if (frame->stream == stream && frame->type != NGHTTP2_WINDOW_UPDATE) return frame;
  }
  return std::nullopt;
}

bool RawPeer::ClosedWithin(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!closed_ && absl::Now() < deadline) Read(deadline - absl::Now());
  return closed_;
}

RawListener::RawListener() {
  descriptor_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Need(bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0,
       "bind");
  Need(listen(descriptor_, 64) == 0, "listen");
  socklen_t size = sizeof(address);
  getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size);
  address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
}

RawListener::~RawListener() { close(descriptor_); }

std::unique_ptr<RawPeer> RawListener::Accept(
    const std::vector<std::pair<uint16_t, uint32_t>>& settings, absl::Duration timeout) {
  pollfd poll_for{.fd = descriptor_, .events = POLLIN, .revents = 0};
  if (poll(&poll_for, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout))) <= 0) return nullptr;
  auto peer = RawPeer::Serve(accept(descriptor_, nullptr, nullptr), settings);
  if (peer == nullptr || !settings.empty()) return peer;
  const auto watch = peer->ReadUntil(NGHTTP2_HEADERS);
  if (!watch || watch->headers.at(":path") != "/grpc.health.v1.Health/Watch") return nullptr;
  if (!peer->ReadUntil(NGHTTP2_DATA)) return nullptr;
  peer->Send(EncodeHeaders(
      watch->stream,
      {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "12"}}, true));
  return peer;
}

}  // namespace caravan::gateway::testing
