using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>The golden repository of version 1 is read from docs/format.md alone, and is what its listings say.</summary>
public sealed class GoldenRepositoryTests
{
    private static readonly string Golden = Path.Combine(Checkout.Root, "tests/NodeAgent.Repository.Tests/Golden/v1");
    private static readonly PlainSecret Key = PlainSecret.Key([.. Enumerable.Range(1, 32).Select(i => (byte)i)]);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_entry_is_what_the_listings_say(bool fromPacks)
    {
        var reader = PlainReader.Open(Path.Combine(Golden, "repository"), Key, fromPacks);
        var listings = Directory.GetFiles(Golden, "repository-*.txt");
        Assert.Equal(listings.Select(file => Path.GetFileNameWithoutExtension(file)["repository-".Length..]).Order(), reader.Snapshots().Keys.Order());
        foreach (var (id, manifest) in reader.Snapshots())
        {
            var lines = new List<string>();
            Add(reader, PlainReader.Root(manifest), "", lines);
            Assert.Equal(File.ReadAllLines(Path.Combine(Golden, $"repository-{id}.txt")), lines);
        }
    }

    [Fact]
    public void The_passphrase_opens_it_too()
    {
        Assert.SkipUnless(PlainArgon2.IsAvailable, "libargon2 is not installed");
        var reader = PlainReader.Open(Path.Combine(Golden, "repository"), PlainSecret.Passphrase("golden passphrase"u8.ToArray()));
        Assert.Equal(2, reader.Snapshots().Count);
    }

    private static void Add(PlainReader reader, PlainEntry entry, string path, List<string> lines)
    {
        path = path.Length == 0 ? Escaped(entry.Name) : $"{path}/{Escaped(entry.Name)}";
        const ulong unreadable = 32;
        var detail = entry.Type switch
        {
            PlainEntry.RegularFile when (entry.Flags & unreadable) == 0 =>
                Hash([.. reader.Runs(entry).SelectMany(run => run.Bytes ?? new byte[run.Length])]),
            PlainEntry.SymbolicLink => Encoding.UTF8.GetString(entry.Target!),
            PlainEntry.CharacterDevice or PlainEntry.BlockDevice => $"{entry.Device.Major}:{entry.Device.Minor}",
            _ => "-",
        };
        var attributes = string.Join(',', entry.Attributes.Select(a => $"{Encoding.UTF8.GetString(a.Name)}={Hash(reader.AttributeValue(a))}"));
        lines.Add(string.Create(
            CultureInfo.InvariantCulture,
            $"{"?fdlcbps"[entry.Type]} {Convert.ToString(entry.Mode, 8)} {entry.Uid}:{entry.Gid} {entry.Size} {entry.ModifiedSeconds}.{entry.ModifiedNanoseconds:d9} {entry.ChangedSeconds}.{entry.ChangedNanoseconds:d9} {entry.Inode} {detail} {(attributes.Length > 0 ? attributes : "-")} {(path.Length > 0 ? path : "/")}"));
        if (entry.Type != PlainEntry.Directory) return;
        foreach (var child in reader.List(entry)) Add(reader, child, path, lines);
    }

    private static string Escaped(byte[] name) =>
        string.Concat(name.Select(b => b is > 0x20 and < 0x7F and not (byte)'%' ? $"{(char)b}" : $"%{b:X2}"));

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
