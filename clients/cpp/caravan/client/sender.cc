#include "caravan/client/sender.h"

#include <deque>
#include <optional>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "caravan/client/errors.h"

namespace caravan::client {
namespace {

using ::google::protobuf::Message;

// One stream. Answers are read as they come, so that neither side waits for the
// other; all else is done by the thread of the sender.
class Attempt : public MessageReactor {
 public:
  explicit Attempt(MessageSender::NewMessage new_response)
      : new_response_(std::move(new_response)) {}

  ~Attempt() override {
    registration_.reset();
    if (!started_) return;
    context_.TryCancel();
    ended_.WaitForNotification();
  }

  absl::Status Start(Connection& connection, const Method& method, const CallOptions& options,
                     const Cancellation& cancellation) {
    auto status = connection.Stream(method, options, &context_, this);
    if (!status.ok()) return status;
    started_ = true;
    reading_ = new_response_();
    // For the writes, which do not come from gRPC's threads.
    AddHold();
    StartRead(reading_.get());
    StartCall();
    registration_.emplace(cancellation, [this] { context_.TryCancel(); });
    return absl::OkStatus();
  }

  bool writing() {
    absl::MutexLock lock(&mutex_);
    return writing_ != nullptr;
  }

  // Not while writing(). False where nothing more can be written.
  bool Write(std::shared_ptr<const Message> request) {
    absl::MutexLock lock(&mutex_);
    if (writes_ended_) return false;
    writing_ = std::move(request);
    ++written_;
    StartWrite(writing_.get());
    return true;
  }

  // Once more does nothing.
  void WritesDone() {
    {
      absl::MutexLock lock(&mutex_);
      if (std::exchange(writes_ended_, true)) return;
      StartWritesDone();
    }
    RemoveHold();
  }

  std::unique_ptr<Message> TakeAnswer() {
    absl::MutexLock lock(&mutex_);
    if (answers_.empty()) return nullptr;
    std::unique_ptr<Message> answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }

  // How much has happened so far: an answer came, a request was written, the stream
  // has ended.
  size_t news() {
    absl::MutexLock lock(&mutex_);
    return news_;
  }

  // Waits until more has happened than that.
  void AwaitNews(size_t seen) {
    absl::MutexLock lock(&mutex_);
    const auto more = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return news_ != seen; };
    mutex_.Await(absl::Condition(&more));
  }

  // How it ended; nothing while it goes on, or brings answers.
  std::optional<absl::Status> end() {
    absl::MutexLock lock(&mutex_);
    return answers_.empty() ? end_ : std::nullopt;
  }

  void OnReadDone(bool ok) override {
    bool goes_on = false;
    bool holds = false;
    {
      absl::MutexLock lock(&mutex_);
      ++news_;
      goes_on = ok && answered_ < written_;
      if (goes_on) {
        ++answered_;
        answers_.push_back(std::move(reading_));
      } else {
        holds = !std::exchange(writes_ended_, true);
      }
    }
    if (goes_on) {
      reading_ = new_response_();
      return StartRead(reading_.get());
    }
    // An answer to nothing is none that the contract knows.
    if (ok) context_.TryCancel();
    if (holds) RemoveHold();
  }

  void OnWriteDone(bool) override {
    absl::MutexLock lock(&mutex_);
    ++news_;
    writing_ = nullptr;
  }

  void OnDone(const grpc::Status& status) override {
    {
      absl::MutexLock lock(&mutex_);
      ++news_;
      end_ = FromGrpc(status);
    }
    ended_.Notify();
  }

 private:
  const MessageSender::NewMessage new_response_;
  grpc::ClientContext context_;
  bool started_ = false;
  std::unique_ptr<Message> reading_;
  absl::Notification ended_;
  std::optional<Cancellation::Registration> registration_;

  absl::Mutex mutex_;
  size_t news_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<const Message> writing_ ABSL_GUARDED_BY(mutex_);
  bool writes_ended_ ABSL_GUARDED_BY(mutex_) = false;  // and the hold removed, or about to be
  size_t written_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t answered_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<std::unique_ptr<Message>> answers_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::Status SendAll(Connection& connection, const std::string& path,
                     absl::FunctionRef<absl::StatusOr<std::unique_ptr<Message>>()> next,
                     Message* response, const CallOptions& options) {
  const Cancellation cancellation = options.cancellation.value_or(Cancellation());
  Attempt attempt([response] { return std::unique_ptr<Message>(response->New()); });
  auto status = attempt.Start(connection, {path, Repeat::kNever}, options, cancellation);
  if (!status.ok()) return status;
  for (bool more = true; more;) {
    absl::StatusOr<std::unique_ptr<Message>> request = next();
    if (!request.ok()) return request.status();
    // Where the server does not take it, the end says why.
    more = *request != nullptr && attempt.Write(*std::move(request));
    for (size_t seen = attempt.news(); attempt.writing(); seen = attempt.news()) {
      attempt.AwaitNews(seen);
    }
  }
  attempt.WritesDone();
  std::unique_ptr<Message> answer;
  std::optional<absl::Status> end;
  while (true) {
    const size_t seen = attempt.news();
    if (auto taken = attempt.TakeAnswer()) answer = std::move(taken);
    end = attempt.end();
    if (end.has_value()) break;
    attempt.AwaitNews(seen);
  }
  if (!end->ok()) return *end;
  if (answer == nullptr) return absl::InternalError("the server has ended without an answer");
  response->GetReflection()->Swap(response, answer.get());
  return absl::OkStatus();
}

class MessageSender::Impl {
 public:
  Impl(std::shared_ptr<Connection> connection, std::string path, NewMessage new_response,
       OnAnswer on_answer, SendOptions options)
      : connection_(std::move(connection)),
        method_{std::move(path), Repeat::kNever},
        new_response_(std::move(new_response)),
        on_answer_(std::move(on_answer)),
        options_(std::move(options)),
        cancellation_(options_.call.cancellation.value_or(Cancellation())),
        call_(options_.call) {
    call_.timeout.reset();
    call_.cancellation.reset();  // an attempt's own registration
  }

  absl::Status Send(std::unique_ptr<Message> request) {
    if (!end_.ok()) return end_;
    unanswered_.push_back(std::move(request));
    return Work(
        [this] { return sent_ == unanswered_.size() && unanswered_.size() <= options_.window; });
  }

  absl::Status Finish() {
    if (!end_.ok()) return end_;
    ending_ = true;
    auto status = Work([this] { return unanswered_.empty() && attempt_ == nullptr; });
    ending_ = false;
    return status;
  }

  size_t unanswered() const { return unanswered_.size(); }

 private:
  // Goes on until `enough`.
  template <class F>
  absl::Status Work(F enough) {
    while (!enough()) {
      if (cancellation_.cancelled())
        return EndWith(absl::CancelledError("the sender was cancelled"));
      if (attempt_ == nullptr) {
        auto attempt = std::make_unique<Attempt>(new_response_);
        auto status = attempt->Start(*connection_, method_, call_, cancellation_);
        if (!status.ok()) return EndWith(status);
        attempt_ = std::move(attempt);
        sent_ = 0;
      }
      const size_t seen = attempt_->news();
      if (const auto end = attempt_->end()) {
        if (auto status = AfterEnd(*end); !status.ok()) return EndWith(status);
        continue;
      }
      if (!Advance()) attempt_->AwaitNews(seen);
    }
    return absl::OkStatus();
  }

  // Takes an answer, writes a request, or ends the writes; false where nothing can
  // be done now.
  bool Advance() {
    if (const auto answer = attempt_->TakeAnswer()) {
      failures_ = 0;
      --sent_;
      const auto request = std::move(unanswered_.front());
      unanswered_.pop_front();
      on_answer_(*request, *answer);
      return true;
    }
    if (attempt_->writing()) return false;
    if (sent_ < unanswered_.size()) {
      if (!attempt_->Write(unanswered_[sent_])) return false;
      ++sent_;
      return true;
    }
    if (ending_) attempt_->WritesDone();
    return false;
  }

  absl::Status AfterEnd(const absl::Status& why) {
    attempt_.reset();
    sent_ = 0;
    if (!IsBroken(why)) return why;
    if (unanswered_.empty()) return absl::OkStatus();
    if (++failures_ > options_.max_failures && options_.max_failures > 0) {
      return why.ok() ? absl::UnavailableError("the server keeps ending the stream") : why;
    }
    if (options_.on_interrupted) options_.on_interrupted(why, unanswered_.size());
    const ConnectionOptions& connection = connection_->options();
    const RetryPolicy& policy = call_.retry ? *call_.retry : connection.retry;
    connection.clock.Sleep(WaitAfter(why, failures_, policy, connection.clock), cancellation_);
    return absl::OkStatus();
  }

  absl::Status EndWith(const absl::Status& status) {
    attempt_.reset();
    end_ = status;
    return status;
  }

  const std::shared_ptr<Connection> connection_;
  const Method method_;
  const NewMessage new_response_;
  const OnAnswer on_answer_;
  const SendOptions options_;
  const Cancellation cancellation_;
  CallOptions call_;

  std::deque<std::shared_ptr<const Message>> unanswered_;
  size_t sent_ = 0;  // of those, the first ones, by the attempt
  bool ending_ = false;
  int failures_ = 0;
  absl::Status end_;
  std::unique_ptr<Attempt> attempt_;  // last: it writes from what is unanswered
};

MessageSender::MessageSender(std::shared_ptr<Connection> connection, std::string path,
                             NewMessage new_response, OnAnswer on_answer, SendOptions options)
    : impl_(std::make_unique<Impl>(std::move(connection), std::move(path), std::move(new_response),
                                   std::move(on_answer), std::move(options))) {}
MessageSender::~MessageSender() = default;
MessageSender::MessageSender(MessageSender&&) noexcept = default;
MessageSender& MessageSender::operator=(MessageSender&&) noexcept = default;

absl::Status MessageSender::Send(std::unique_ptr<Message> request) {
  return impl_->Send(std::move(request));
}

absl::Status MessageSender::Finish() { return impl_->Finish(); }

size_t MessageSender::unanswered() const { return impl_->unanswered(); }

}  // namespace caravan::client
