// Sends requests over a stream that answers each of them, and sends them again
// where the stream breaks: for methods that take a stream and give a stream, one
// response to a request, and for which a request that comes twice is as one. And
// SendAll, for methods that give one response at the end.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/client/connection.h"
#include "google/protobuf/message.h"

namespace caravan::client {

struct SendOptions {
  // How many requests may be sent and not answered yet. They are kept in memory.
  size_t window = 16;

  // How often in a row the stream may break, without an answer between, before it
  // is given up. 0: never.
  int max_failures = 20;

  // Hears that the stream broke (OK: the server ended it) and how many requests
  // will be sent again.
  std::function<void(const absl::Status& why, size_t unanswered)> on_interrupted = nullptr;

  // `timeout` is not regarded.
  CallOptions call = {};
};

// A sender without the types of its messages.
class MessageSender {
 public:
  using NewMessage = std::function<std::unique_ptr<google::protobuf::Message>()>;
  // Gets each request with its answer.
  using OnAnswer = std::function<void(const google::protobuf::Message& request,
                                      const google::protobuf::Message& response)>;

  MessageSender(std::shared_ptr<Connection> connection, std::string path, NewMessage new_response,
                OnAnswer on_answer, SendOptions options);
  // Ends the stream; of what has not been answered, nothing is known.
  ~MessageSender();
  MessageSender(MessageSender&&) noexcept;
  MessageSender& operator=(MessageSender&&) noexcept;

  absl::Status Send(std::unique_ptr<google::protobuf::Message> request);
  absl::Status Finish();
  size_t unanswered() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Sends all requests that `next` gives until it gives none, and waits for the one
// response. Never repeated. An error of the server ends it at once, wherever the
// requests are; so does an error of `next`.
absl::Status SendAll(
    Connection& connection, const std::string& path,
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<google::protobuf::Message>>()> next,
    google::protobuf::Message* response, const CallOptions& options);

//   auto sender = tracking.StreamEvents(
//       [&](const StreamEventsRequest& batch, const StreamEventsResponse& answer) {
//         kept_position = answer.position();
//       });
//   while (...) {
//     if (auto status = sender.Send(NextBatch()); !status.ok()) return status;
//   }
//   return sender.Finish();
//
// Not for several threads; `SendOptions::call.cancellation` ends it from another.
template <class Request, class Response>
class Sender {
 public:
  // Called for each request once, in their order, within Send and Finish.
  using OnAnswer = std::function<void(const Request& request, const Response& response)>;

  Sender(std::shared_ptr<Connection> connection, std::string path, OnAnswer on_answer,
         SendOptions options = {})
      : sender_(
            std::move(connection), std::move(path), [] { return std::make_unique<Response>(); },
            [on_answer = std::move(on_answer)](const google::protobuf::Message& request,
                                               const google::protobuf::Message& response) {
              if (!on_answer) return;
              on_answer(static_cast<const Request&>(request),
                        static_cast<const Response&>(response));
            },
            std::move(options)) {}

  // Takes a request to be sent, and waits while more than the window are
  // unanswered. An error of the server that is not transient ends the sender: it
  // is that of the first request that has not been answered. Every later call
  // returns it again.
  absl::Status Send(Request request) {
    return sender_.Send(std::make_unique<Request>(std::move(request)));
  }

  // Waits until all have been answered and the server has ended the stream well.
  absl::Status Finish() { return sender_.Finish(); }

  // How many requests have been taken and not been answered.
  size_t unanswered() const { return sender_.unanswered(); }

 private:
  MessageSender sender_;
};

}  // namespace caravan::client
