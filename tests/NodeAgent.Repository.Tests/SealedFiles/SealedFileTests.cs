using System.IO.Compression;
using System.Text;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.SealedFiles;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.SealedFiles;

public sealed class SealedFileTests
{
    private const string Name = "backups/b/b.tar.gz";
    private const int Segment = SegmentCipher.ContentLength;

    private static readonly byte[] RepositoryId = [.. Enumerable.Repeat((byte)0x1d, 16)];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(Segment - 1)]
    [InlineData(Segment)]
    [InlineData(Segment + 1)]
    [InlineData(2 * Segment)]
    [InlineData((3 * Segment) + 17)]
    public async Task A_file_of_any_length_comes_back_as_it_was(int length)
    {
        var random = SeededRandom.Create();
        using var keys = MakeKeys();
        foreach (var compresses in new[] { false, true })
        {
            var file = Content(random, length, compresses);
            var sealedFile = await SealAsync(keys, file);
            Assert.Equal(file, await OpenAsync(keys, sealedFile));
            Assert.True(compresses || length < 64 || sealedFile.AsSpan().IndexOf(file.AsSpan(0, 32)) < 0, "the file's beginning stands in the sealed one");
        }
    }

    [Fact]
    public async Task A_gzip_is_kept_by_its_content_and_comes_back_as_a_gzip_of_the_same()
    {
        using var keys = MakeKeys();
        var content = Content(SeededRandom.Create(), (2 * Segment) + 5, compresses: true);
        var file = Gzip(content);
        var sealedFile = await SealAsync(keys, file);
        Assert.Equal(SealedFileForm.ContentOfGzip, SealedFileHeader.Read(sealedFile, Name).Form);
        var opened = await OpenAsync(keys, sealedFile);
        Assert.Equal(content, Gunzip(opened));
        Assert.True(sealedFile.Length < content.Length / 2, $"{sealedFile.Length} bytes for {content.Length}");
    }

    [Fact]
    public async Task It_is_sealed_from_where_it_stands()
    {
        using var keys = MakeKeys();
        using var file = new MemoryStream("not this, this"u8.ToArray()) { Position = 10 };
        using var output = new MemoryStream();
        await SealedFile.SealAsync(Name, file, keys, output, Cancellation);
        Assert.Equal("this"u8.ToArray(), await OpenAsync(keys, output.ToArray()));
    }

    [Fact]
    public async Task Two_files_of_the_same_content_have_nothing_but_their_clear_beginning_in_common()
    {
        using var keys = MakeKeys();
        var file = Content(SeededRandom.Create(), 500, compresses: false);
        var (first, second) = (await SealAsync(keys, file), await SealAsync(keys, file));
        Assert.Equal(first.Length, second.Length);
        Assert.NotEqual(first[32..64], second[32..64]);
        Assert.NotEqual(first[68..], second[68..]);
    }

    [Theory]
    [InlineData(Segment + 100)]
    [InlineData(100)]
    public async Task Whatever_bit_is_flipped_the_file_does_not_open(int length)
    {
        var random = SeededRandom.Create();
        using var keys = MakeKeys();
        var sealedFile = await SealAsync(keys, Content(random, length, compresses: false));
        // Every bit of what is clear, and of the rest as many as time allows.
        var places = Enumerable.Range(0, (SealedFileHeader.Length + 4) * 8).Concat(Enumerable.Range(0, 200).Select(_ => random.Next(sealedFile.Length * 8)));
        foreach (var place in places)
        {
            var altered = (byte[])sealedFile.Clone();
            altered[place / 8] ^= (byte)(1 << (place % 8));
            var error = await Assert.ThrowsAsync<InvalidDataException>(() => OpenAsync(keys, altered));
            Assert.StartsWith("backups/b/b.tar.gz in the bucket ", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    [Fact]
    public async Task Wherever_it_is_cut_the_file_does_not_open()
    {
        var random = SeededRandom.Create();
        using var keys = MakeKeys();
        var sealedFile = await SealAsync(keys, Content(random, (2 * Segment) + 50, compresses: false));
        var segment = 4 + 8 + Segment + 16;
        int[] ends = [0, 1, SealedFileHeader.Length - 1, SealedFileHeader.Length, SealedFileHeader.Length + segment, SealedFileHeader.Length + (2 * segment), sealedFile.Length - 1];
        foreach (var end in ends.Concat(Enumerable.Range(0, 40).Select(_ => random.Next(sealedFile.Length))))
        {
            var error = await Assert.ThrowsAsync<InvalidDataException>(() => OpenAsync(keys, sealedFile[..end]));
            Assert.Equal($"backups/b/b.tar.gz in the bucket is encrypted and cut off after {end} bytes: put it back from a copy of the location, or make a new backup", error.Message);
        }
    }

    [Fact]
    public async Task Nothing_may_stand_behind_its_end()
    {
        using var keys = MakeKeys();
        var sealedFile = await SealAsync(keys, "content"u8.ToArray());
        await ThrowsAlteredAsync(keys, [.. sealedFile, 0]);
        await ThrowsAlteredAsync(keys, [.. sealedFile, .. sealedFile[SealedFileHeader.Length..]]);
    }

    [Fact]
    public async Task Segments_that_are_left_out_repeated_moved_or_of_another_file_are_found()
    {
        var random = SeededRandom.Create();
        using var keys = MakeKeys();
        var file = Content(random, (3 * Segment) + 50, compresses: false);
        var (one, two) = (await SealAsync(keys, file), await SealAsync(keys, file));
        var length = 4 + 8 + Segment + 16;
        byte[] Header(byte[] of) => of[..SealedFileHeader.Length];
        byte[] Part(byte[] of, int number) => of[(SealedFileHeader.Length + (number * length))..Math.Min(of.Length, SealedFileHeader.Length + ((number + 1) * length))];
        Assert.Equal(file, await OpenAsync(keys, [.. Header(one), .. Part(one, 0), .. Part(one, 1), .. Part(one, 2), .. Part(one, 3)]));
        await ThrowsAlteredAsync(keys, [.. Header(one), .. Part(one, 1), .. Part(one, 0), .. Part(one, 2), .. Part(one, 3)]);
        await ThrowsAlteredAsync(keys, [.. Header(one), .. Part(one, 0), .. Part(one, 2), .. Part(one, 3)]);
        await ThrowsAlteredAsync(keys, [.. Header(one), .. Part(one, 0), .. Part(one, 0), .. Part(one, 1), .. Part(one, 2), .. Part(one, 3)]);
        await ThrowsAlteredAsync(keys, [.. Header(one), .. Part(one, 3)]);
        await ThrowsAlteredAsync(keys, [.. Header(one), .. Part(one, 0), .. Part(two, 1), .. Part(one, 2), .. Part(one, 3)]);
        await ThrowsAlteredAsync(keys, [.. Header(two), .. Part(one, 0), .. Part(one, 1), .. Part(one, 2), .. Part(one, 3)]);

        // One that is not the last, made to look like the last.
        byte[] shortened = [.. Header(one), .. Part(one, 0)];
        shortened[SealedFileHeader.Length + 3] |= 0x80;
        await ThrowsAlteredAsync(keys, shortened);
    }

    [Fact]
    public async Task Under_another_name_it_does_not_open()
    {
        using var keys = MakeKeys();
        var sealedFile = await SealAsync(keys, "content"u8.ToArray());
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => OpenAsync(keys, sealedFile, "backups/c/c.tar.gz"));
        Assert.Equal("backups/c/c.tar.gz in the bucket is encrypted and was altered at byte 64, or it is another file that was put under this name: put it back from a copy of the location, or make a new backup", error.Message);
    }

    [Fact]
    public async Task Of_another_repository_it_says_which()
    {
        using var keys = MakeKeys();
        using var others = new SealedFileKeys(RootKeys.Create(), Enumerable.Repeat((byte)0x2e, 16).ToArray());
        var sealedFile = await SealAsync(keys, "content"u8.ToArray());
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => OpenAsync(others, sealedFile));
        Assert.StartsWith("backups/b/b.tar.gz in the bucket is encrypted with the keys of repository 1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d, and those of this location's repository 2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e do not open it", error.Message, StringComparison.Ordinal);

        // The id alone is no protection: with it forged, the keys are others all the same.
        Enumerable.Repeat((byte)0x2e, 16).ToArray().CopyTo(sealedFile, 8);
        await ThrowsAlteredAsync(others, sealedFile);
    }

    [Fact]
    public async Task Of_a_newer_version_it_asks_for_a_newer_program()
    {
        using var keys = MakeKeys();
        var sealedFile = await SealAsync(keys, "content"u8.ToArray());
        sealedFile[4] = 2;
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => OpenAsync(keys, sealedFile));
        Assert.Equal("backups/b/b.tar.gz in the bucket is encrypted in version 2 of the format, which needs a newer nodeagent", error.Message);
    }

    [Fact]
    public async Task After_a_rotation_old_files_open_with_the_new_keys_and_new_ones_not_with_the_old()
    {
        using var old = RootKeys.Create();
        using var oldFiles = new SealedFileKeys(old.Copy(), RepositoryId);
        using var newFiles = new SealedFileKeys(old.WithNewGeneration(), RepositoryId);
        Assert.Equal("a"u8.ToArray(), await OpenAsync(newFiles, await SealAsync(oldFiles, "a"u8.ToArray())));
        var rotated = await SealAsync(newFiles, "b"u8.ToArray());
        Assert.Equal("b"u8.ToArray(), await OpenAsync(newFiles, rotated));
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => OpenAsync(oldFiles, rotated));
        Assert.Contains("root key 1 of its repository", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_opens_to_more_than_it_can_be_is_not_read_to_its_end()
    {
        using var keys = MakeKeys();
        var sealedFile = await SealAsync(keys, new byte[8 * Segment]);
        Assert.True(sealedFile.Length < 10_000, $"{sealedFile.Length} bytes");
        using var output = new MemoryStream();
        var header = SealedFileHeader.Read(sealedFile, Name);
        using var key = keys.KeyOf(header, Name);
        using var rest = new MemoryStream(sealedFile[SealedFileHeader.Length..]);
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => SealedFile.OpenAsync(Name, Name, header, key, rest, output, Segment, Cancellation));
        Assert.EndsWith($"is longer than such a file can be ({Segment} bytes)", error.Message, StringComparison.Ordinal);
        Assert.True(output.Length <= 2 * Segment);
    }

    [Fact]
    public async Task The_key_of_one_file_as_text_opens_that_file_alone()
    {
        using var keys = MakeKeys();
        var (one, two) = (await SealAsync(keys, "one"u8.ToArray()), await SealAsync(keys, "two"u8.ToArray()));
        using var key = keys.KeyOf(SealedFileHeader.Read(one, Name), Name);
        using var parsed = SealedFileKey.TryParse(key.Reveal())!;
        Assert.Equal("one"u8.ToArray(), await OpenAsync(parsed, one));
        await Assert.ThrowsAsync<InvalidDataException>(() => OpenAsync(parsed, two));
        Assert.Null(SealedFileKey.TryParse(key.Reveal()[1..]));
        Assert.Null(SealedFileKey.TryParse("no key!"));
        Assert.Null(SealedFileKey.TryParse(""));
    }

    [Fact]
    public async Task Whoever_can_open_the_repository_can_open_its_files_with_either_secret()
    {
        var directory = Directory.CreateTempSubdirectory("nodeagent-sealed-");
        try
        {
            await using var store = new DirectoryStore(directory.FullName);
            using var first = RepositorySecret.FromPassphrase("the first");
            using var second = RepositorySecret.FromKey(Enumerable.Repeat((byte)7, 32).ToArray());
            byte[] sealedFile;
            await using (var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(directory.FullName), first, new RepositoryParameters(), TimeProvider.System, Cancellation))
            {
                using (var keys = await SealedFileKeys.OpenAsync(store, first, Cancellation)) sealedFile = await SealAsync(keys, "content"u8.ToArray());
                await new Repository.Keys.RepositoryKeys(repository).ChangeAsync(second, Cancellation);
            }

            using var changed = await SealedFileKeys.OpenAsync(store, second, Cancellation);
            Assert.Equal("content"u8.ToArray(), await OpenAsync(changed, sealedFile));
            await Assert.ThrowsAsync<Objects.WrongKeyException>(() => SealedFileKeys.OpenAsync(store, first, Cancellation));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static SealedFileKeys MakeKeys() => new(RootKeys.Create(), RepositoryId);

    private static byte[] Content(Random random, int length, bool compresses)
    {
        var content = new byte[length];
        if (compresses)
            Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(random.Next(1000), (length / 5) + 1).Select(i => $"{i % 9999},    ")))[..length].CopyTo(content, 0);
        else
            random.NextBytes(content);
        // Else one file in 65536 would be taken for a gzip.
        if (length > 0) content[0] = (byte)'x';
        return content;
    }

    private static async Task<byte[]> SealAsync(SealedFileKeys keys, byte[] file)
    {
        using var input = new MemoryStream(file, writable: false);
        using var output = new MemoryStream();
        await SealedFile.SealAsync(Name, input, keys, output, Cancellation);
        return output.ToArray();
    }

    private static async Task<byte[]> OpenAsync(SealedFileKeys keys, byte[] sealedFile, string name = Name)
    {
        var where = $"{name} in the bucket";
        using var key = keys.KeyOf(SealedFileHeader.Read(sealedFile, where), where);
        return await OpenAsync(key, sealedFile, name);
    }

    private static async Task<byte[]> OpenAsync(SealedFileKey key, byte[] sealedFile, string name = Name)
    {
        var where = $"{name} in the bucket";
        using var input = new MemoryStream(sealedFile[SealedFileHeader.Length..], writable: false);
        using var output = new MemoryStream();
        await SealedFile.OpenAsync(name, where, SealedFileHeader.Read(sealedFile, where), key, input, output, long.MaxValue, Cancellation);
        return output.ToArray();
    }

    private static async Task ThrowsAlteredAsync(SealedFileKeys keys, byte[] sealedFile)
    {
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => OpenAsync(keys, sealedFile));
        Assert.StartsWith("backups/b/b.tar.gz in the bucket is encrypted and was altered at byte ", error.Message, StringComparison.Ordinal);
    }

    private static byte[] Gzip(byte[] content)
    {
        using var output = new MemoryStream();
        using (var gzip = new GZipStream(output, CompressionLevel.Optimal)) gzip.Write(content);
        return output.ToArray();
    }

    private static byte[] Gunzip(byte[] file)
    {
        using var gzip = new GZipStream(new MemoryStream(file, writable: false), CompressionMode.Decompress);
        using var content = new MemoryStream();
        gzip.CopyTo(content);
        return content.ToArray();
    }
}
