// How a service's methods are bound, and what a handler sees.
//
// A service derives from the class that protoc-gen-caravan writes for it and
// implements its pure virtual functions, the custom methods. A handler is a
// function from request to response or error. What changes something gets a
// Transaction and is run as its body, perhaps more than once; what reads gets a
// Reader of one consistent state. The runtime does the rest, in this order:
// identity, deadline, parsing, permission, validation, what is asked of other
// services, handler, commit, reply.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "caravan/api/v1/annotations.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "services/common/resources/caller.h"
#include "services/common/store/store.h"
#include "services/common/telemetry/trace.h"

namespace caravan::rpc {

// What a handler knows of the call beside the request.
struct Call {
  // Who calls, and what of resources they may touch with this method.
  resources::Caller caller;
  // When the caller stops waiting.
  absl::Time deadline;
  // The trace that the call belongs to, to be passed on.
  telemetry::TraceContext trace;
  // Whether the caller has gone, so that long work can end. Any thread may ask.
  std::function<bool()> cancelled;
};

// Where a server stream comes from: pulled by the runtime, one message at a
// time, when the peer has taken the last.
template <class Response>
class Source {
 public:
  virtual ~Source() = default;

  // Hands over the next message; nothing at the end of the stream. Called again
  // only after `done` has been called; `done` may be called on any thread.
  virtual void Next(absl::AnyInvocable<void(absl::StatusOr<std::optional<Response>>)> done) = 0;

  // The peer has gone: `done` of a waiting Next must soon be called, with
  // anything, but not from within Cancel.
  virtual void Cancel() = 0;
};

// A source whose messages are serialised already.
using ByteSource = Source<std::string>;

// A call that takes a stream of requests, and gives a stream of responses or one
// at the end. The handler makes one for each call; the runtime feeds it with one
// request after another, each checked as a request of a unary method is: parsed,
// permitted, validated.
//
// None of its functions is called while another is under way. OnMessage and OnEnd
// run on a thread that may wait for the store. A `done` is called once, on any
// thread, also from within the function that got it; with an error it ends the
// stream once the requests before have been answered.
template <class Request, class Response>
class Exchange {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<std::optional<Response>>)>;

  virtual ~Exchange() = default;

  // Takes the next request. The next may come before `done` has been called, up
  // to MostInProgress(). Responses are sent in the order of their requests; there
  // may be none to a request, and must be none where the method gives one at the
  // end. `call` and `request` last until `done` has been called.
  virtual void OnMessage(Call& call, const Request& request, Done done) = 0;

  // All requests have been taken and answered, there are no more: the last
  // response, or the only one. Where the connection breaks, gRPC may tell of an end
  // before it tells that the peer has gone.
  virtual void OnEnd(Call& call, Done done) {
    (void)call;
    done(std::nullopt);
  }

  // Nobody waits for the answers that are still missing: the peer has gone, or an
  // answer before them was an error. They must soon be given, as anything. Must
  // not block. Not called where a server drains: what it has taken it answers.
  virtual void Cancel() {}

  // How many requests may be taken and not answered yet. No more are read from
  // the peer meanwhile, nor while it does not take the answers. Asked once.
  virtual int MostInProgress() const { return 4; }
};

// An exchange as the runtime feeds it. Responses are serialised.
using ByteExchange = Exchange<google::protobuf::Message, std::string>;

// A handler as the runtime calls it. The response is returned serialised.
using ReadHandler = std::function<absl::StatusOr<std::string>(
    Call& call, store::Reader& reader, const google::protobuf::Message& request)>;
using WriteHandler = std::function<absl::StatusOr<std::string>(
    Call& call, store::Transaction& tx, const google::protobuf::Message& request)>;
using StreamHandler = std::function<absl::StatusOr<std::unique_ptr<ByteSource>>(
    Call& call, const google::protobuf::Message& request)>;
// Called once the first request has been checked. `call` outlives the exchange.
using ExchangeHandler = std::function<absl::StatusOr<std::unique_ptr<ByteExchange>>(Call& call)>;
// What is done once before the transaction or the read of a method. May wait for
// other services, and leaves what it learnt in `call.caller.facts`.
using BeforeHandler =
    std::function<absl::Status(Call& call, const google::protobuf::Message& request)>;
// For what must wait: answers later, on any thread. Call and request last until
// `done` has been called, which must be soon where the caller has gone.
using AsyncHandler =
    std::function<void(Call& call, const google::protobuf::Message& request,
                       absl::AnyInvocable<void(absl::StatusOr<std::string>)> done)>;

// One method and its handler; one of the first five is set once it is bound.
struct Method {
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  ReadHandler read;
  WriteHandler write;
  StreamHandler stream;
  AsyncHandler async;
  ExchangeHandler exchange;
  BeforeHandler before = nullptr;  // may be empty
  // Who may call, where the contract is not ours and cannot say it.
  std::optional<caravan::api::v1::Access> access;
  // The handler reads by key only, so that it may run on the thread that
  // received the call where the store allows.
  bool quick = false;
  // The handler asks resources::Caller for the permission itself where it depends on
  // owners: of resources that are in no collection of the registry.
  bool checks_owners = false;

  bool bound() const { return read || write || stream || async || exchange; }
};

// The methods of one service.
class Service {
 public:
  explicit Service(const google::protobuf::ServiceDescriptor* descriptor);
  virtual ~Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const google::protobuf::ServiceDescriptor& service_descriptor() const { return *descriptor_; }
  std::vector<Method>& methods() { return methods_; }
  Method& method(std::string_view name);

 protected:
  template <class Request, class Response, class F>
  void BindRead(std::string_view name, F handler) {
    method(name).read = [handler = std::move(handler)](Call& call, store::Reader& reader,
                                                       const google::protobuf::Message& request) {
      return Serialized(handler(call, reader, static_cast<const Request&>(request)));
    };
  }

  template <class Request, class Response, class F>
  void BindWrite(std::string_view name, F handler) {
    method(name).write = [handler = std::move(handler)](Call& call, store::Transaction& tx,
                                                        const google::protobuf::Message& request) {
      return Serialized(handler(call, tx, static_cast<const Request&>(request)));
    };
  }

  // For any method with a transaction or a read, standard ones and transitions
  // too: `before` is a function from Call& and the request to a Status. It is run
  // once, after permission and validation and where there is no answer yet to the
  // request id, on a thread that may wait; an error ends the call. It asks other
  // services (peers::Peers), reads the store where it must (Registry::Lookup), and
  // puts what the handler needs to know into `call.caller.facts`, a type of the
  // service's own; the handler finds it by `call.caller.Facts<T>()`, and so does a
  // collection's Prepare by `writing.caller`.
  //
  // Facts were true a moment before the transaction, not in it. What was read of
  // this service's store is read again by the body: where it differs from what
  // the facts are about, the body returns resources::ChangedMeanwhile. What
  // another service said may have changed since, and nobody will tell.
  template <class Request, class F>
  void BindBefore(std::string_view name, F before) {
    Method& bound = method(name);
    CheckRequest(bound, *Request::descriptor());
    bound.before = [before = std::move(before)](Call& call,
                                                const google::protobuf::Message& request) {
      return before(call, static_cast<const Request&>(request));
    };
  }

  template <class Request, class Response, class F>
  void BindStream(std::string_view name, F handler) {
    method(name).stream = [handler = std::move(handler)](Call& call,
                                                         const google::protobuf::Message& request)
        -> absl::StatusOr<std::unique_ptr<ByteSource>> {
      absl::StatusOr<std::unique_ptr<Source<Response>>> source =
          handler(call, static_cast<const Request&>(request));
      if (!source.ok()) return source.status();
      return std::make_unique<Serializing<Response>>(*std::move(source));
    };
  }

  // For a method that takes a stream of requests: `handler` is a function from
  // Call& to a StatusOr of a unique_ptr of Exchange<Request, Response>.
  template <class Request, class Response, class F>
  void BindExchange(std::string_view name, F handler) {
    Method& bound = method(name);
    CheckRequest(bound, *Request::descriptor());
    bound.exchange = [handler = std::move(handler)](
                         Call& call) -> absl::StatusOr<std::unique_ptr<ByteExchange>> {
      absl::StatusOr<std::unique_ptr<Exchange<Request, Response>>> exchange = handler(call);
      if (!exchange.ok()) return exchange.status();
      return std::make_unique<SerializingExchange<Request, Response>>(*std::move(exchange));
    };
  }

  template <class Request, class Response, class F>
  void BindAsync(std::string_view name, F handler) {
    method(name).async = [handler = std::move(handler)](
                             Call& call, const google::protobuf::Message& request,
                             absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) {
      handler(call, static_cast<const Request&>(request),
              [done = std::move(done)](absl::StatusOr<Response> response) mutable {
                done(Serialized(std::move(response)));
              });
    };
  }

 private:
  // Ends the process where a method takes other requests: code and contract do
  // not belong together.
  static void CheckRequest(const Method& method, const google::protobuf::Descriptor& request);

  template <class Response>
  static absl::StatusOr<std::string> Serialized(absl::StatusOr<Response> response) {
    if (!response.ok()) return response.status();
    return response->SerializeAsString();
  }

  template <class Response>
  static absl::AnyInvocable<void(absl::StatusOr<std::optional<Response>>)> SerializingDone(
      absl::AnyInvocable<void(absl::StatusOr<std::optional<std::string>>)> done) {
    return [done = std::move(done)](absl::StatusOr<std::optional<Response>> next) mutable {
      if (!next.ok()) return done(next.status());
      if (!next->has_value()) return done(std::nullopt);
      done((*next)->SerializeAsString());
    };
  }

  template <class Response>
  class Serializing : public ByteSource {
   public:
    explicit Serializing(std::unique_ptr<Source<Response>> source) : source_(std::move(source)) {}
    void Next(absl::AnyInvocable<void(absl::StatusOr<std::optional<std::string>>)> done) override {
      source_->Next(SerializingDone<Response>(std::move(done)));
    }
    void Cancel() override { source_->Cancel(); }

   private:
    std::unique_ptr<Source<Response>> source_;
  };

  template <class Request, class Response>
  class SerializingExchange : public ByteExchange {
   public:
    explicit SerializingExchange(std::unique_ptr<Exchange<Request, Response>> exchange)
        : exchange_(std::move(exchange)) {}
    void OnMessage(Call& call, const google::protobuf::Message& request, Done done) override {
      exchange_->OnMessage(call, static_cast<const Request&>(request),
                           SerializingDone<Response>(std::move(done)));
    }
    void OnEnd(Call& call, Done done) override {
      exchange_->OnEnd(call, SerializingDone<Response>(std::move(done)));
    }
    void Cancel() override { exchange_->Cancel(); }
    int MostInProgress() const override { return exchange_->MostInProgress(); }

   private:
    std::unique_ptr<Exchange<Request, Response>> exchange_;
  };

  const google::protobuf::ServiceDescriptor* descriptor_;
  std::vector<Method> methods_;
};

}  // namespace caravan::rpc
