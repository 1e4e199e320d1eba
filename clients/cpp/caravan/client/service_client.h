// What the generated clients, `<file>.client.h`, are made of.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "caravan/client/connection.h"
#include "caravan/client/results.h"
#include "caravan/client/sender.h"
#include "google/protobuf/repeated_ptr_field.h"

namespace caravan::client {

// A list asks for so many at once where the request does not say.
inline constexpr int kPageSize = 500;

// Thread-safe, and cheap to copy.
class ServiceClient {
 public:
  // `defaults`: of every call that does not say otherwise.
  explicit ServiceClient(std::shared_ptr<Connection> connection, CallOptions defaults = {})
      : connection_(std::move(connection)), defaults_(std::move(defaults)) {}

  const std::shared_ptr<Connection>& connection() const { return connection_; }
  const CallOptions& defaults() const { return defaults_; }

 protected:
  // `Request` is a const message, or a pointer to one that may get a request id.
  template <class Response, class Request>
  absl::StatusOr<Response> Call(const Method& method, Request&& request,
                                const CallOptions& options) const {
    Response response;
    absl::Status status = connection_->Call(method, std::forward<Request>(request), &response,
                                            WithDefaults(options, defaults_));
    if (!status.ok()) return status;
    return response;
  }

  // The items of all pages. `items` takes those of a response.
  template <class Item, class Response, class Request>
  Results<Item> Pages(const Method& method, Request request,
                      google::protobuf::RepeatedPtrField<Item>* (Response::*items)(),
                      const CallOptions& options) const {
    struct State {
      Request request;
      Response page;
      int next = 0;
      bool last = false;
    };
    auto state = std::make_shared<State>();
    state->request = std::move(request);
    if (state->request.page_size() == 0) state->request.set_page_size(kPageSize);
    return Results<Item>(
        [connection = connection_, method, items, state,
         options = WithDefaults(options, defaults_)]() -> absl::StatusOr<std::optional<Item>> {
          // A page may be empty though others follow.
          while (state->next == (state->page.*items)()->size()) {
            if (state->last) return std::optional<Item>();
            absl::Status status =
                connection->Call(method, std::as_const(state->request), &state->page, options);
            if (!status.ok()) return status;
            state->next = 0;
            state->last = state->page.next_page_token().empty();
            state->request.set_page_token(state->page.next_page_token());
          }
          return std::optional<Item>(std::move((state->page.*items)()->at(state->next++)));
        });
  }

  // The messages of a stream; they end where the server or the options'
  // cancellation ends it.
  template <class Response>
  Results<Response> Stream(const Method& method, const google::protobuf::Message& request,
                           const CallOptions& options) const {
    auto opened = connection_->Stream(method, WithDefaults(options, defaults_));
    if (!opened.ok()) {
      return Results<Response>(
          [status = opened.status()]() -> absl::StatusOr<std::optional<Response>> {
            return status;
          });
    }
    std::shared_ptr<MessageStream> stream = *std::move(opened);
    if (stream->Write(request)) stream->WritesDone();
    // The connection outlives its streams.
    return Results<Response>(
        [stream, connection = connection_]() -> absl::StatusOr<std::optional<Response>> {
          Response response;
          const auto more = stream->Next(&response);
          if (!more.ok()) return more.status();
          return *more ? std::optional<Response>(std::move(response)) : std::nullopt;
        });
  }

  // See Sender.
  template <class Request, class Response>
  Sender<Request, Response> Send(const std::string& path,
                                 typename Sender<Request, Response>::OnAnswer on_answer,
                                 SendOptions options) const {
    options.call = WithDefaults(std::move(options.call), defaults_);
    return Sender<Request, Response>(connection_, path, std::move(on_answer), std::move(options));
  }

  // Sends all that `next` gives, until it gives nothing, and waits for the answer.
  // Never repeated. An error of `next` ends the call.
  template <class Response, class Request>
  absl::StatusOr<Response> SendAll(const std::string& path,
                                   const typename Results<Request>::NextFunction& next,
                                   const CallOptions& options) const {
    Response response;
    absl::Status status = client::SendAll(
        *connection_, path,
        [&next]() -> absl::StatusOr<std::unique_ptr<google::protobuf::Message>> {
          absl::StatusOr<std::optional<Request>> request = next();
          if (!request.ok()) return request.status();
          if (!request->has_value()) return nullptr;
          return std::make_unique<Request>(**std::move(request));
        },
        &response, WithDefaults(options, defaults_));
    if (!status.ok()) return status;
    return response;
  }

 private:
  std::shared_ptr<Connection> connection_;
  CallOptions defaults_;
};

}  // namespace caravan::client
