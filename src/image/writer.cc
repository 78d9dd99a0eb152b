#include "image/writer.h"

#include <unordered_set>

#include "base/error.h"
#include "image/buffered_file.h"
#include "image/digest.h"
#include "image/partial_directory.h"
#include "image/uuid.h"
#include "image/varint.h"

namespace cairn::image {
namespace {

using google::protobuf::Message;

void check_size(std::string_view file, uint64_t size, uint64_t most) {
  if (size > most)
    throw Error(fmt::format("the image's file {} would have {} bytes; {} can be read", file, size, most));
}

// What a reader would not accept must not be written. protobuf serializes text that is not UTF-8, yet never parses it.
void check_parses(const Message& message, const std::string& bytes) {
  std::unique_ptr<Message> copy(message.New());
  if (!copy->ParseFromString(bytes)) throw Error("a text field is not UTF-8");
}

std::string serialize_body(const Message& body) {
  if (body.ByteSizeLong() > kMostRecordBytes) {
    throw Error(fmt::format("its state takes {} bytes; {} can be kept", body.ByteSizeLong(), kMostRecordBytes));
  }
  std::string bytes = body.SerializeAsString();
  check_parses(body, bytes);
  return bytes;
}

std::string serialize_record(RecordId id, const std::string& kind, RecordId owner, const Message& body) {
  RecordFrame frame;
  frame.set_id(id.value);
  frame.set_kind(kind);
  if (owner) frame.set_owner(owner.value);
  frame.set_body(serialize_body(body));
  std::string bytes = frame.SerializeAsString();
  if (bytes.size() > kMostRecordBytes) throw Error(fmt::format("it takes more than {} bytes", kMostRecordBytes));
  return bytes;
}

FileDigest describe_file(std::string_view name, uint64_t size, uint64_t digest) {
  FileDigest file;
  file.set_name(std::string(name));
  file.set_size(size);
  file.set_digest(digest);
  return file;
}

// The digest is the last field, over all that stands before it.
std::string serialize_trailer(const Trailer& trailer) {
  std::string bytes = trailer.SerializeAsString();
  Trailer own;
  own.set_digest(digest(bytes));
  return bytes + own.SerializeAsString();
}

}  // namespace

struct Writer::State {
  State(const std::string& path, Existing existing, const Compression& compression)
      : directory(path, existing), compression(compression) {}

  void create();
  FileDigest write_file(std::string_view name, std::string_view magic, const std::string& message);
  FileDigest flush_records();
  Trailer write_other_files();
  void check_owners() const;

  PartialDirectory directory;
  Compression compression;
  std::unique_ptr<BufferedFile> records;
  std::unique_ptr<PageWriter> pages;
  std::unordered_set<RecordId> ids, owners;
  Head head;
  std::vector<std::unique_ptr<BufferedFile>> other_files;  // those that commit() writes
};

void Writer::State::create() {
  directory.claim();
  records = std::make_unique<BufferedFile>(directory.make_file(kRecordsFile));
  records->append(kRecordsMagic);
  pages = std::make_unique<PageWriter>(directory.make_file(kPagesFile), compression);
}

void Writer::State::check_owners() const {
  for (RecordId owner : owners) CAIRN_ASSERT(ids.contains(owner));
  CAIRN_ASSERT(head.root() == 0 || ids.contains({head.root()}));
}

FileDigest Writer::State::write_file(std::string_view name, std::string_view magic, const std::string& message) {
  BufferedFile& file = *other_files.emplace_back(std::make_unique<BufferedFile>(directory.make_file(name)));
  file.append(magic);
  file.append(message);
  file.flush();
  return describe_file(name, file.size(), file.digest());
}

FileDigest Writer::State::flush_records() {
  check_size(kRecordsFile, records->size(), kMostRecordsFile);
  records->flush();
  return describe_file(kRecordsFile, records->size(), records->digest());
}

// All but the trailer; returns what the trailer says of them.
Trailer Writer::State::write_other_files() {
  Trailer trailer;
  trailer.set_uuid(head.uuid());
  trailer.set_record_count(ids.size());
  *trailer.add_files() = write_file(kHeadFile, kHeadMagic, head.SerializeAsString());
  *trailer.add_files() = flush_records();
  pages->finish();
  const PageIndex index = pages->index();
  check_size(kIndexFile, kMagicSize + index.ByteSizeLong(), kMostIndexFile);
  const FileDigest index_file = write_file(kIndexFile, kIndexMagic, index.SerializeAsString());
  // The index vouches for the pages, frame by frame.
  *trailer.add_files() = describe_file(kPagesFile, pages->stored_bytes(), index_file.digest());
  *trailer.add_files() = index_file;
  return trailer;
}

Writer::Writer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer::~Writer() = default;

Writer Writer::create(const std::string& path, Existing existing, const Compression& compression) {
  auto state = std::make_unique<State>(path, existing, compression);
  state->create();
  return Writer(std::move(state));
}

void Writer::set_head(const Head& head) {
  state_->head = head;
  state_->head.set_format_version(kFormatVersion);
  if (state_->compression.codec != Codec::kNone)
    state_->head.add_features(std::string(feature_of(state_->compression.codec)));
  if (head.uuid().empty()) state_->head.set_uuid(random_uuid());
  within("head", [&] { check_parses(state_->head, state_->head.SerializeAsString()); });
}

void Writer::add_record(RecordId id, const std::string& kind, RecordId owner, const Message& body) {
  CAIRN_ASSERT(id && !kind.empty() && id != owner);
  CAIRN_ASSERT(state_->ids.insert(id).second);
  if (owner) state_->owners.insert(owner);
  std::string frame = within([&] { return fmt::format("record {} ({})", id.value, kind); },
                             [&] { return serialize_record(id, kind, owner, body); });
  std::string length;
  put_varint(length, frame.size());
  state_->records->append(length);
  state_->records->append(frame);
}

PageWriter& Writer::pages() { return *state_->pages; }

void Writer::commit() {
  CAIRN_ASSERT(state_->head.has_format_version());  // set_head() came before
  state_->check_owners();
  state_->write_file(kTrailerFile, kTrailerMagic, serialize_trailer(state_->write_other_files()));
  std::vector<int> fds = {state_->records->fd(), state_->pages->fd()};
  for (const auto& file : state_->other_files) fds.push_back(file->fd());
  state_->directory.publish(std::move(fds));
}

uint64_t Writer::bytes() const {
  uint64_t bytes = state_->records->size() + state_->pages->stored_bytes();
  for (const auto& file : state_->other_files) bytes += file->size();
  return bytes;
}

}  // namespace cairn::image
