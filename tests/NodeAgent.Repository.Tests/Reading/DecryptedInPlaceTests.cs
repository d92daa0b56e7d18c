using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Reading;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Reading;

/// <summary>Chunks that are decrypted to where they are wanted, among other bytes that are somebody's.</summary>
public sealed class DecryptedInPlaceTests : IDisposable
{
    private const byte Foreign = 0xA5;

    private readonly TestRepository _test = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(ChunkReader.Headroom - 1)]
    [InlineData(ChunkReader.Headroom)]
    [InlineData(5000)]
    public async Task A_chunk_is_whole_and_nothing_around_it_is_touched(int start)
    {
        await using var repository = await _test.InitializeAsync();
        var contents = await StoreAsync(repository);
        using var reader = repository.CreateReader();
        using var batch = await reader.CreateFetcher(1 << 20, 2, isReadOnce: true).BeginAsync(contents.Keys, Cancellation);
        await batch.WhenReadAsync();
        foreach (var (id, content) in contents)
        {
            var buffer = new byte[start + content.Length + 100];
            Array.Fill(buffer, Foreign);

            var read = reader.ReadAsync(id, ChunkKind.Data, buffer.AsMemory(..^50), start, batch, Cancellation);

            Assert.True(read.IsCompletedSuccessfully, "it was in the batch and was read again");
            Assert.Equal(content.Length, await read);
            Assert.Equal<byte>(content, buffer[start..(start + content.Length)]);
            Assert.Equal(-1, buffer.AsSpan(0, start).IndexOfAnyExcept(Foreign));
            Assert.Equal(-1, buffer.AsSpan(start + content.Length).IndexOfAnyExcept(Foreign));
        }
    }

    [Fact]
    public async Task Only_what_is_not_compressed_and_has_room_before_it_goes_without_a_copy()
    {
        await using var repository = await _test.InitializeAsync();
        var contents = await StoreAsync(repository);
        using var reader = repository.CreateReader();
        foreach (var (id, content) in contents)
        {
            Assert.True(reader.TryLocate(id, out var location));
            var envelope = new byte[location.StoredLength];
            await new DirectoryStore(_test.Root).ReadAsync(location.Pack.Key, location.Offset, envelope, Cancellation);
            var buffer = new byte[ChunkReader.Headroom + content.Length];
            Assert.Equal(IsRandom(content), reader.TryDecryptTo(id, ChunkKind.Data, location, envelope, buffer, ChunkReader.Headroom));
            Assert.Equal(IsRandom(content), buffer.AsSpan(ChunkReader.Headroom).SequenceEqual(content));
            Assert.False(reader.TryDecryptTo(id, ChunkKind.Data, location, envelope, buffer, ChunkReader.Headroom - 1));
            // Another one's envelope.
            Assert.False(reader.TryDecryptTo(contents.Keys.First(other => other != id), ChunkKind.Data, location, envelope, buffer, ChunkReader.Headroom));
        }
    }

    [Fact]
    public async Task Of_a_damaged_chunk_nothing_is_left_before_its_place()
    {
        var random = SeededRandom.Create();
        SortedDictionary<ChunkId, byte[]> contents;
        await using (var repository = await _test.InitializeAsync()) contents = await StoreAsync(repository);
        foreach (var pack in Directory.EnumerateFiles(Path.Combine(_test.Root, "data"), "*", SearchOption.AllDirectories))
        {
            // A bit in each KiB: every chunk that is not compressed is longer.
            var bytes = await File.ReadAllBytesAsync(pack, Cancellation);
            for (var at = ObjectHeader.Length; at < bytes.Length; at += 1 << 10) bytes[Math.Min(bytes.Length - 1, at + random.Next(1 << 10))] ^= (byte)(1 << random.Next(8));
            File.SetUnixFileMode(pack, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            await File.WriteAllBytesAsync(pack, bytes, Cancellation);
        }

        await using var damaged = await _test.OpenAsync();
        using var reader = damaged.CreateReader();
        using var batch = await reader.CreateFetcher(1 << 20, 2, isReadOnce: true).BeginAsync(contents.Keys, Cancellation);
        foreach (var (id, content) in contents.Where(c => IsRandom(c.Value)))
        {
            var buffer = new byte[100 + content.Length];
            Array.Fill(buffer, Foreign);
            await Assert.ThrowsAsync<RepositoryFormatException>(() => reader.ReadAsync(id, ChunkKind.Data, buffer, 100, batch, Cancellation).AsTask());
            Assert.Equal(-1, buffer.AsSpan(0, 100).IndexOfAnyExcept(Foreign));
        }
    }

    public void Dispose() => _test.Dispose();

    private static bool IsRandom(byte[] content) => content.Distinct().Count() > 1;

    /// <summary>Chunks that do and do not shrink, of several lengths.</summary>
    private static async Task<SortedDictionary<ChunkId, byte[]>> StoreAsync(ChunkRepository repository)
    {
        var random = SeededRandom.Create();
        var contents = new SortedDictionary<ChunkId, byte[]>();
        await using var session = await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
        for (var i = 0; i < 12; i++)
        {
            var content = new byte[2048 + random.Next(30_000)];
            if (i % 3 == 0) Array.Fill(content, (byte)(i + 1));
            else random.NextBytes(content);
            contents.Add((await session.StoreAsync(ChunkKind.Data, content, Cancellation)).Id, content);
        }

        await session.FlushAsync(Cancellation);
        // Both ways are met.
        using var reader = repository.CreateReader();
        var raw = contents.Count(c => reader.TryLocate(c.Key, out var location) && location.StoredLength == c.Value.Length + EnvelopeCipher.Overhead);
        Assert.Equal(8, raw);
        return contents;
    }
}
