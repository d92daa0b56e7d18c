namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>Tests on a real node take turns: there is one NodeAgent on it, which is installed once.</summary>
[CollectionDefinition(Name)]
public sealed class RealNodeCollection : ICollectionFixture<RealNodeFixture>
{
    public const string Name = "a real node";
}
