namespace NodeAgent.Repository.Stores;

/// <summary>Who else may hold a fence at the same time.</summary>
public enum FenceMode
{
    /// <summary>Any number of shared ones.</summary>
    Shared,

    /// <summary>Nobody. Only for a store with <see cref="IObjectStore.HasExclusiveFences"/>.</summary>
    Exclusive,
}
