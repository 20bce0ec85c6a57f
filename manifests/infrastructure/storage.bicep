// The recordings (container enrolment) and the checkpoints of fine-tuning (file share checkpoints).
// Nobody has a key: Blob is opened by an identity, and so is the share, which nodes mount by SMB with
// a Kerberos ticket for theirs. (NFS would need no key either, but a premium account of its own, and
// that account to serve without TLS.)

@description('Where everything is.')
param location string

@description('Redundancy.')
param redundancy string

@description('Resource id of the subnet of the nodes.')
param subnetId string

@description('Address ranges (CIDR) of the people who upload, review and delete.')
param operatorRanges array

@description('Resource id of the workspace for logs.')
param workspaceId string

@description('Object id of the identity of the steps, which read recordings.')
param runnerPrincipalId string

@description('Object id of the identity of the nodes, which mount the share.')
param kubeletPrincipalId string

@description('Object ids of groups that upload recordings and delete them.')
param privacyOfficers array

@description('Days after which a recording that nobody changed is deleted; 0: never.')
param enrolmentDays int

@description('Days after which older versions are deleted.')
param versionDays int

@description('Days for which what was deleted can be brought back.')
param recoverableDays int

var blobDataReader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
var blobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var reader = 'acdd72a7-3385-48ef-bd42-f606fba81ae7'
var fileDataSmbMiAdmin = 'a235d3ee-5935-4cfb-8cc5-a3303ad5995e'

resource account 'Microsoft.Storage/storageAccounts@2026-09-01' = {
  // checkov:skip=CKV_AZURE_43: the name is computed: 8 letters and the 13 of uniqueString
  // checkov:skip=CKV_AZURE_59: people upload from where they work; all addresses but theirs and the nodes' are denied
  // checkov:skip=CKV_AZURE_206: a copy in another region would outlive a promise to delete; what is lost can be recorded anew
  name: 'rollcall${uniqueString(resourceGroup().id)}'
  location: location
  kind: 'StorageV2'
  sku: {
    name: redundancy
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    allowedCopyScope: 'AAD'
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      defaultAction: 'Deny'
      bypass: 'AzureServices'
      virtualNetworkRules: [
        {
          id: subnetId
          action: 'Allow'
        }
      ]
      // A single address stands here without its /32.
      ipRules: [for cidr in operatorRanges: {
        value: replace(cidr, '/32', '')
        action: 'Allow'
      }]
    }
    encryption: {
      keySource: 'Microsoft.Storage'
      requireInfrastructureEncryption: true
      services: {
        blob: {
          enabled: true
          keyType: 'Account'
        }
        file: {
          enabled: true
          keyType: 'Account'
        }
      }
    }
    azureFilesIdentityBasedAuthentication: {
      directoryServiceOptions: 'None'
      smbOAuthSettings: {
        isSmbOAuthEnabled: true
      }
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-09-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true
    deleteRetentionPolicy: {
      enabled: true
      days: recoverableDays
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: recoverableDays
    }
  }
}

resource enrolment 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-09-01' = {
  parent: blobs
  name: 'enrolment'
  properties: {
    publicAccess: 'None'
  }
}

resource files 'Microsoft.Storage/storageAccounts/fileServices@2026-09-01' = {
  parent: account
  name: 'default'
  properties: {
    shareDeleteRetentionPolicy: {
      enabled: true
      days: recoverableDays
    }
    protocolSettings: {
      smb: {
        versions: 'SMB3.1.1;'
        authenticationMethods: 'Kerberos;'
        channelEncryption: 'AES-128-GCM;AES-256-GCM;'
      }
    }
  }
}

resource checkpoints 'Microsoft.Storage/storageAccounts/fileServices/shares@2026-09-01' = {
  parent: files
  name: 'checkpoints'
  properties: {
    enabledProtocols: 'SMB'
    accessTier: 'TransactionOptimized'
    shareQuota: 100
  }
}

// A version's age counts from when it was written: what a change or a deletion leaves goes versionDays
// later at the latest, of an old recording at once, and is then recoverable like all that was deleted.
resource retention 'Microsoft.Storage/storageAccounts/managementPolicies@2026-09-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'old-versions'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: ['blockBlob']
            }
            actions: {
              version: {
                delete: {
                  daysAfterCreationGreaterThan: versionDays
                }
              }
              snapshot: {
                delete: {
                  daysAfterCreationGreaterThan: versionDays
                }
              }
            }
          }
        }
        {
          name: 'enrolments'
          enabled: enrolmentDays > 0
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: ['enrolment/']
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: enrolmentDays
                }
              }
            }
          }
        }
      ]
    }
  }
}

// Of the container alone: not of the account, where checkpoints are, too.
resource mayRead 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: enrolment
  name: guid(enrolment.id, 'runner', blobDataReader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataReader)
    principalId: runnerPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Owner: a contributor may delete a blob, but none of its versions.
resource mayDelete 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for group in privacyOfficers: {
  scope: enrolment
  name: guid(enrolment.id, group, blobDataOwner)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataOwner)
    principalId: group
    principalType: 'Group'
  }
}]

// What the account's settings are, no data: the receipt of a deletion says until when it can be undone.
resource maySee 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for group in privacyOfficers: {
  scope: account
  name: guid(account.id, group, reader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', reader)
    principalId: group
    principalType: 'Group'
  }
}]

// Files alone, no blobs. There is no lesser role with which a share can be mounted by an identity.
resource mayMount 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, 'kubelet', fileDataSmbMiAdmin)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', fileDataSmbMiAdmin)
    principalId: kubeletPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageRead'
        enabled: true
      }
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

@description('Name of the account.')
output accountName string = account.name
