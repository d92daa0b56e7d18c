using System.Buffers.Binary;
using System.Text;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Faults;

/// <summary>Opening with what does not fit: another key, another repository's objects, a newer format.</summary>
public sealed class KeyTests : IDisposable
{
    private readonly TestRepository _test = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Another_key_is_refused_with_the_key_objects_by_name()
    {
        await (await _test.InitializeAsync()).DisposeAsync();
        var wrong = TestRepository.RawKey.ToArray();
        wrong[31] ^= 1;
        using var secret = RepositorySecret.FromKey(wrong);
        var exception = await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(secret));
        Assert.Contains(KeyFile(), exception.Message, StringComparison.Ordinal);
        Assert.Contains(_test.Root, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToHexString(wrong), exception.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Another_passphrase_and_the_other_kind_of_secret_are_refused_and_the_right_one_opens()
    {
        Assert.SkipUnless(Argon2.IsAvailable, "libargon2 is not installed");
        using var right = RepositorySecret.FromPassphrase("correct horse battery staple");
        using var wrong = RepositorySecret.FromPassphrase("correct horse battery stable");
        using var key = TestRepository.Secret();
        await (await ChunkRepository.InitializeAsync(new DirectoryStore(_test.Root), right, TestRepository.Small, TimeProvider.System, Cancellation)).DisposeAsync();
        var exception = await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(wrong));
        Assert.DoesNotContain("horse", exception.Message, StringComparison.Ordinal);
        Assert.Contains(KeyFile(), exception.Message, StringComparison.Ordinal);
        Assert.Equal(
            $"the key does not open the repository at {_test.Root}: it opens with a passphrase only (give that)",
            (await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(key))).Message);
        await (await OpenAsync(right)).DisposeAsync();
    }

    [Fact]
    public async Task However_many_keys_a_repository_has_the_message_is_one_sentence()
    {
        await (await _test.InitializeAsync()).DisposeAsync();
        var content = await File.ReadAllBytesAsync(Path.Combine(_test.Root, KeyFile()), Cancellation);
        using var wrong = RepositorySecret.FromKey(new byte[RepositorySecret.KeyLength]);
        Assert.Equal(
            $"the key does not open the repository at {_test.Root}: it is another one, or {KeyFile()} is damaged (give the one that it was made with)",
            (await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(wrong))).Message);
        for (var i = 0; i < 8; i++) await File.WriteAllBytesAsync(Path.Combine(_test.Root, $"keys/000000000000000{i}"), content, Cancellation);
        Assert.Equal(
            $"the key does not open the repository at {_test.Root}: it is none of the 9 that do (give one of those)",
            (await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(wrong))).Message);

        // What is wrong with one of them is told, and how many more there are.
        for (var i = 0; i < 8; i++) await File.WriteAllBytesAsync(Path.Combine(_test.Root, $"keys/000000000000000{i}"), content.AsMemory(0, 20).ToArray(), Cancellation);
        var message = (await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(wrong))).Message;
        Assert.Contains("; and 7 more of its key objects cannot be used (give the one that it was made with)", message, StringComparison.Ordinal);
        Assert.Equal(2, message.Split("keys/").Length - 1);
    }

    [Fact]
    public async Task The_key_object_of_another_repository_does_not_open_this_one()
    {
        using var other = new TestRepository();
        await (await _test.InitializeAsync()).DisposeAsync();
        await (await other.InitializeAsync()).DisposeAsync();
        Directory.Delete(Path.Combine(_test.Root, "keys"), recursive: true);
        Directory.Move(Path.Combine(other.Root, "keys"), Path.Combine(_test.Root, "keys"));
        using var secret = TestRepository.Secret();
        var exception = await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(secret));
        Assert.Contains("belongs to repository", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_object_of_another_repository_with_this_ones_id_written_over_does_not_open_it()
    {
        using var other = new TestRepository();
        await using (var repository = await _test.InitializeAsync())
        {
            await (await other.InitializeAsync()).DisposeAsync();
            var forged = await File.ReadAllBytesAsync(Directory.GetFiles(Path.Combine(other.Root, "keys")).Single(), Cancellation);
            repository.RepositoryId.CopyTo(forged, 8);
            await File.WriteAllBytesAsync(Path.Combine(_test.Root, KeyFile()), forged, Cancellation);
        }

        using var secret = TestRepository.Secret();
        await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(secret));
    }

    [Fact]
    public async Task A_config_that_was_changed_by_someone_without_the_key_is_refused_as_altered()
    {
        // A config is readable, and so can be changed to another that is as valid; its MAC cannot.
        await (await _test.InitializeAsync()).DisposeAsync();
        var path = Path.Combine(_test.Root, "config");
        var config = await File.ReadAllBytesAsync(path, Cancellation);
        var changed = Encoding.UTF8.GetString(config.AsSpan(ObjectHeader.Length..^32)).Replace("\"inlineFileLimit\":512", "\"inlineFileLimit\":513", StringComparison.Ordinal);
        Assert.Contains("513", changed, StringComparison.Ordinal);
        await File.WriteAllBytesAsync(path, [.. config[..ObjectHeader.Length], .. Encoding.UTF8.GetBytes(changed), .. config[^32..]], Cancellation);
        using var secret = TestRepository.Secret();
        var exception = await Assert.ThrowsAsync<RepositoryFormatException>(() => OpenAsync(secret));
        Assert.Contains("altered", exception.Message, StringComparison.Ordinal);
        Assert.Equal("config", exception.ObjectKey);
    }

    [Fact]
    public async Task Without_key_objects_the_message_tells_what_is_missing()
    {
        await (await _test.InitializeAsync()).DisposeAsync();
        Directory.Delete(Path.Combine(_test.Root, "keys"), recursive: true);
        using var secret = TestRepository.Secret();
        var exception = await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(secret));
        Assert.Contains("no key objects", exception.Message, StringComparison.Ordinal);
        Assert.Contains("restore keys/", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_object_that_cannot_be_read_does_not_keep_another_from_opening()
    {
        await (await _test.InitializeAsync()).DisposeAsync();
        // Longer than a key object can be: refused before it is read.
        await File.WriteAllBytesAsync(Path.Combine(_test.Root, "keys/0000000000000000"), new byte[KeyObject.MaxLength + 1], Cancellation);
        using var secret = TestRepository.Secret();
        await (await OpenAsync(secret)).DisposeAsync();
        File.Delete(Path.Combine(_test.Root, KeyFile(skip: "0000000000000000")));
        Assert.Contains("keys/0000000000000000", (await Assert.ThrowsAsync<StoreException>(() => OpenAsync(secret))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_object_that_asks_for_too_much_memory_is_refused_before_it_gets_any()
    {
        Assert.SkipUnless(Argon2.IsAvailable, "libargon2 is not installed");
        using var secret = RepositorySecret.FromPassphrase("x");
        await (await ChunkRepository.InitializeAsync(new DirectoryStore(_test.Root), secret, TestRepository.Small, TimeProvider.System, Cancellation)).DisposeAsync();
        var path = Path.Combine(_test.Root, KeyFile());
        var content = await File.ReadAllBytesAsync(path, Cancellation);
        var wrap = 74 + BinaryPrimitives.ReadUInt16LittleEndian(content.AsSpan(72));
        foreach (var (offset, value) in ((int, uint)[])[(4, Argon2Parameters.MaxMemoryKib + 1), (4, uint.MaxValue), (8, 65), (12, 17), (12, 0)])
        {
            var greedy = content.ToArray();
            BinaryPrimitives.WriteUInt32LittleEndian(greedy.AsSpan(wrap + offset), value);
            await File.WriteAllBytesAsync(path, greedy, Cancellation);
            var exception = await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(secret));
            Assert.Contains("not one of ours", exception.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_repository_of_a_newer_format_asks_for_a_newer_program()
    {
        await (await _test.InitializeAsync()).DisposeAsync();
        var path = Path.Combine(_test.Root, "config");
        var config = await File.ReadAllBytesAsync(path, Cancellation);
        using var secret = TestRepository.Secret();

        // By the byte in the header,
        var newer = config.ToArray();
        newer[5] = 2;
        await File.WriteAllBytesAsync(path, newer, Cancellation);
        await AssertNewerAsync("format version 2");
        // by the number in the JSON, even when nothing else in it is as this version knows it,
        await WriteJsonAsync("""{"version":2,"id":"x","other":{"fields":[1]}}""");
        await AssertNewerAsync("version 2");
        // and by a feature that this version does not know.
        await WriteJsonAsync("""{"version":1,"requires":["time-travel"]}""");
        await AssertNewerAsync("time-travel");

        async Task WriteJsonAsync(string json)
        {
            var bytes = Encoding.UTF8.GetBytes(json);
            var content = new byte[ObjectHeader.Length + bytes.Length + 32];
            new ObjectHeader(ObjectKind.Config, ObjectHeader.NoSession, (uint)bytes.Length + 32).Write(ObjectHeader.RepositoryId(config), content);
            bytes.CopyTo(content, ObjectHeader.Length);
            await File.WriteAllBytesAsync(path, content, Cancellation);
        }

        async Task AssertNewerAsync(string what)
        {
            var exception = await Assert.ThrowsAsync<RepositoryFormatException>(() => OpenAsync(secret));
            Assert.Equal("config", exception.ObjectKey);
            Assert.Contains(what, exception.Message, StringComparison.Ordinal);
            Assert.Contains("needs a newer nodeagent", exception.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Any_object_of_a_newer_format_asks_for_a_newer_program()
    {
        var files = SampleTree.Create(SeededRandom.Create(), 16 << 10, 0);
        SnapshotId id;
        await using (var repository = await _test.InitializeAsync(SampleBackup.Parameters)) id = await SampleBackup.WriteAsync(repository, files);
        foreach (var prefix in (string[])["snap/", "index/"])
        {
            var key = Assert.Single(new DirectoryStore(_test.Root).ListAsync(prefix, Cancellation).ToBlockingEnumerable(Cancellation)).Key;
            var content = await File.ReadAllBytesAsync(Path.Combine(_test.Root, key), Cancellation);
            var newer = content.ToArray();
            newer[5] = 2;
            // Under the name that a newer program would have given it.
            var hash = new byte[32];
            Blake3.Hash(newer, hash);
            var newerKey = key[..^64] + Convert.ToHexStringLower(hash);
            File.Delete(Path.Combine(_test.Root, key));
            await File.WriteAllBytesAsync(Path.Combine(_test.Root, newerKey), newer, Cancellation);
            await using (var repository = await _test.OpenAsync())
            {
                Assert.True(SnapshotId.TryParse(prefix == "snap/" ? Convert.ToHexStringLower(hash) : id.ToString(), out var wanted));
                var exception = await Assert.ThrowsAsync<RepositoryFormatException>(() => SampleBackup.ReadAsync(repository, wanted));
                Assert.Equal(newerKey, exception.ObjectKey);
                Assert.Contains("needs a newer nodeagent", exception.Message, StringComparison.Ordinal);
            }

            File.Delete(Path.Combine(_test.Root, newerKey));
            await File.WriteAllBytesAsync(Path.Combine(_test.Root, key), content, Cancellation);
        }
    }

    public void Dispose() => _test.Dispose();

    private Task<ChunkRepository> OpenAsync(RepositorySecret secret) =>
        ChunkRepository.OpenAsync(new DirectoryStore(_test.Root), secret, new RepositoryOpenOptions(), Cancellation);

    private string KeyFile(string? skip = null) => "keys/" + Directory.GetFiles(Path.Combine(_test.Root, "keys")).Select(Path.GetFileName).Single(name => name != skip);
}
