using System.Runtime.InteropServices;
using System.Text;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Hashing;

namespace NodeAgent.Repository.Tests.Chunking;

public sealed class GearTableTests
{
    private readonly GoldenCuts _golden = new();

    [Fact]
    public void The_derived_table_equals_the_golden_one()
    {
        Assert.Equal(256, _golden.Table.Values.Length);
        Assert.Equal(_golden.TableStart, _golden.Table.Values[..4].ToArray());
        var hash = new byte[32];
        Blake3.Hash(MemoryMarshal.AsBytes(_golden.Table.Values), hash);
        Assert.Equal(_golden.TableHash, Convert.ToHexStringLower(hash));
    }

    [Fact]
    public void Hashes_of_names_equal_the_golden_ones()
    {
        Assert.Equal(7, _golden.Names.Count());
        Assert.All(_golden.Names, name => Assert.Equal(name.Hash, _golden.Table.HashName(Encoding.UTF8.GetBytes(name.Name))));
    }

    [Fact]
    public void Another_key_gives_another_table()
    {
        Assert.NotEqual(_golden.Table.Values.ToArray(), GearTable.Derive(new byte[32]).Values.ToArray());
        Assert.Throws<ArgumentException>(() => GearTable.Derive(new byte[16]));
    }
}
